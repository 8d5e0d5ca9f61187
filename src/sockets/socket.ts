/** The used part of a server-side WebSocket (package `ws`). */
export type Socket = {
  readonly readyState: number;
  ping(): void;
  /** @param code RFC 6455 section 7.4 */
  close(code: number, reason: string): void;
  terminate(): void;
  on(event: 'message', listener: (data: Buffer | Buffer[] | ArrayBuffer, isBinary: boolean) => void): void;
  on(event: 'pong' | 'close', listener: () => void): void;
  on(event: 'error', listener: (error: Error) => void): void;
};

export const OPEN = 1;

/** Close codes: RFC 6455 section 7.4.1, 1013 of the IANA registry, and 4401 of the private range (7.4.2), after HTTP 401. */
export const CLOSE = { goingAway: 1001, policy: 1008, tryAgainLater: 1013, signInOver: 4401 } as const;
export type CloseCode = (typeof CLOSE)[keyof typeof CLOSE];
