import { type Static, Type } from 'typebox';
import { Id, ref, Time, UserId } from '../server/common-schema.js';

export const Guest = Type.Object({ userId: UserId, invitedAt: Time }, { $id: 'Guest' });
export type Guest = Static<typeof Guest>;

export const GuestParams = Type.Object({ streamId: Id, userId: UserId });

export const GuestsResponse = Type.Object({ guests: Type.Array(ref(Guest)) }, { $id: 'GuestsResponse' });
export type GuestsResponse = Static<typeof GuestsResponse>;

export const GUEST_SCHEMAS = [Guest, GuestsResponse];
