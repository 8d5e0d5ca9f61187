import { BROADCAST_END } from '../broadcast/end-reason.js';
import type { Livestream } from '../livestream/livestream-table.js';
import type { Refusal } from './publisher-admission.js';

/** Refusal of every new publisher, whatever their credential. */
export type RegistryRefusal = Refusal & { code: 'capacity_reached' | 'shutting_down' };

export const SHUTTING_DOWN: RegistryRefusal = {
  code: 'shutting_down',
  message: 'The server is restarting: please try again.',
};
export const CAPACITY_REACHED: RegistryRefusal = {
  code: 'capacity_reached',
  message: 'The server is full: no more livestreams can start right now.',
};
export const LIVESTREAM_ENDED: Refusal = {
  code: 'livestream_ended',
  message: 'This livestream has ended: create a new one and use its stream key.',
};
export const KEY_REVOKED: Refusal = {
  code: 'stream_key_revoked',
  message: 'This stream key was revoked: use a new one.',
};

/** Tells whether a livestream has ended for good: publishing to it is refused. */
export function isOver({ endReason }: Pick<Livestream, 'endReason'>): boolean {
  return endReason !== null && !BROADCAST_END[endReason].reopens;
}
