/** What is used of a WebSocket on the server's side (the `ws` package). */
export type Socket = {
  readonly readyState: number;
  ping(): void;
  /** RFC 6455 section 7.4: codes. */
  close(code: number, reason: string): void;
  terminate(): void;
  on(event: 'message', listener: (data: Buffer | Buffer[] | ArrayBuffer, isBinary: boolean) => void): void;
  on(event: 'pong' | 'close', listener: () => void): void;
  on(event: 'error', listener: (error: Error) => void): void;
};

export const OPEN = 1;

/** RFC 6455 section 7.4.1, 1013 of the IANA registry, and one of our own (section 7.4.2), after HTTP's 401. */
export const CLOSE = { goingAway: 1001, policy: 1008, tryAgainLater: 1013, signInOver: 4401 } as const;
export type CloseCode = (typeof CLOSE)[keyof typeof CLOSE];
