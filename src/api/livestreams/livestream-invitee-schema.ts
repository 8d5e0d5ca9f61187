import { type Static, Type } from 'typebox';
import { Id, ref, Time, UserId } from '../server/common-schema.js';

export const Invitee = Type.Object({ userId: UserId, invitedAt: Time }, { $id: 'Guest' });
export type Invitee = Static<typeof Invitee>;

export const InviteeParams = Type.Object({ streamId: Id, userId: UserId });

export const InviteesResponse = Type.Object({ guests: Type.Array(ref(Invitee)) }, { $id: 'GuestsResponse' });
export type InviteesResponse = Static<typeof InviteesResponse>;

export const INVITEE_SCHEMAS = [Invitee, InviteesResponse];
