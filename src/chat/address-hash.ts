import { createHmac } from 'node:crypto';
import { networkBlock } from '../platform/index.js';

const DIGITS = 32;

/**
 * Creates a keyed hash of network addresses. Hashes differ from stream to stream, and cannot be computed without the
 * secret.
 */
export function createAddressHash(secret: Buffer): (streamId: string, address: string) => string {
  return (streamId, address) =>
    createHmac('sha256', secret)
      .update(`${streamId} ${networkBlock(address)}`)
      .digest('hex')
      .slice(0, DIGITS);
}
