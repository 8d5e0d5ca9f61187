import type { Clock } from '../platform/index.js';
import type { WebrtcService } from './webrtc-service.js';

export type RoomMember = {
  tell(event: string, data: Record<string, unknown>): void;
  /** A broadcast of the stream has begun. */
  begun(streamId: string): void;
};

type Room = { members: Set<RoomMember>; viewers: number; state: string };

/** What has changed is told this often, ms. */
const LOOK_EVERY_MS = 1_000;

/** Who wants to know of a stream, whether they publish it, watch it or wait for it. */
export class Rooms {
  readonly #service: Pick<WebrtcService, 'viewers' | 'state'>;
  readonly #rooms = new Map<string, Room>();
  readonly #life = new AbortController();

  constructor(service: Pick<WebrtcService, 'viewers' | 'state'>, clock: Clock) {
    this.#service = service;
    clock.every(LOOK_EVERY_MS, () => this.#look(), this.#life.signal);
  }

  /** Rooms with somebody in them. */
  get size(): number {
    return this.#rooms.size;
  }

  enter(streamId: string, member: RoomMember): void {
    const room = this.#rooms.get(streamId) ?? { members: new Set(), ...this.#now(streamId) };
    this.#rooms.set(streamId, room);
    room.members.add(member);
  }

  leave(streamId: string, member: RoomMember): void {
    const room = this.#rooms.get(streamId);
    room?.members.delete(member);
    if (room?.members.size === 0) this.#rooms.delete(streamId);
  }

  close(): void {
    this.#life.abort();
    this.#rooms.clear();
  }

  #look(): void {
    for (const [streamId, room] of this.#rooms) {
      const { viewers, state } = this.#now(streamId);
      const counted = viewers !== room.viewers;
      const changed = state !== room.state;
      const begun = changed && (room.state === 'offline' || room.state === 'ending');
      Object.assign(room, { viewers, state });
      for (const member of room.members) {
        if (changed) member.tell('stream:state', { streamId, state });
        if (begun) member.begun(streamId);
        if (counted) member.tell('stream:viewers', { streamId, viewers });
      }
    }
  }

  #now(streamId: string): { viewers: number; state: string } {
    return { viewers: this.#service.viewers(streamId), state: this.#service.state(streamId) };
  }
}
