import { PublicError } from '../../platform/index.js';

/** Delivery directives of a media playlist request (RFC 8216bis, 6.2.5). */
export type DeliveryDirectives = {
  /** Blocks until the playlist has this segment or part. */
  block: { msn: number; part: number | undefined } | undefined;
  delta: boolean;
};

const WHOLE_NUMBER = /^[0-9]{1,15}$/;

/** @throws PublicError 400 for an invalid directive. */
export function parseDirectives(query: Record<string, unknown>): DeliveryDirectives {
  const msn = wholeNumber(query, '_HLS_msn');
  const part = wholeNumber(query, '_HLS_part');
  if (part !== undefined && msn === undefined) {
    throw new PublicError(400, 'bad_request', '_HLS_part needs _HLS_msn');
  }
  const skip = query._HLS_skip;
  if (skip !== undefined && skip !== 'YES' && skip !== 'v2') {
    throw new PublicError(400, 'bad_request', '_HLS_skip must be YES or v2');
  }
  return { block: msn === undefined ? undefined : { msn, part }, delta: skip !== undefined };
}

function wholeNumber(query: Record<string, unknown>, name: string): number | undefined {
  const value = query[name];
  if (value === undefined) return undefined;
  if (typeof value !== 'string' || !WHOLE_NUMBER.test(value)) {
    throw new PublicError(400, 'bad_request', `${name} must be a whole number`);
  }
  return Number(value);
}
