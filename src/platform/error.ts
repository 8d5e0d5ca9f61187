import type { ErrorCode } from './error-code.js';

/** An error with a stable, machine-readable code; the message is for people. */
export class HeadendError extends Error {
  readonly code: string;

  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'HeadendError';
    this.code = code;
  }
}

/** An error whose code and message may be shown to whoever asked over HTTP, with its status. */
export class PublicError extends HeadendError {
  declare readonly code: ErrorCode;
  readonly status: number;
  readonly details: unknown;

  constructor(status: number, code: ErrorCode, message: string, details?: unknown) {
    super(code, message);
    this.name = 'PublicError';
    this.status = status;
    this.details = details;
  }
}

/** What an unknown thrown value says, for a log line. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
