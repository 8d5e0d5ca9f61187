import { createHmac } from 'node:crypto';
import { networkBlock } from '../platform/index.js';

const DIGITS = 32;

/** Makes hashes of addresses that only this gateway can make, other ones for every stream. */
export function createAddressHash(secret: Buffer): (streamId: string, address: string) => string {
  return (streamId, address) =>
    createHmac('sha256', secret)
      .update(`${streamId} ${networkBlock(address)}`)
      .digest('hex')
      .slice(0, DIGITS);
}
