import type { ErrorCode } from './error-code.js';

/** Error with a stable, machine-readable code; the message is for people. */
export class HeadendError extends Error {
  readonly code: string;

  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'HeadendError';
    this.code = code;
  }
}

/** Error whose code and message are sent to the client, with an HTTP status. */
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

/** Error for a livestream that does not exist, or that the principal may not know of: both must answer alike. */
export function streamNotFound(message = 'There is no such livestream.'): PublicError {
  return new PublicError(404, 'stream_not_found', message);
}

/** Returns the message of any thrown value, for a log line. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
