import type { Principal } from '../../../src/accounts/index.js';
import type { MessageData, SocketClient, SocketHub } from '../../../src/sockets/index.js';

type Told = { event: string; data: MessageData };

/** Rooms and clients without connections: whoever is in a room is told at once. */
export class HubDouble implements SocketHub {
  readonly #rooms = new Map<string, Set<ClientDouble>>();
  /** Everything that rooms were told, whoever was in them. */
  readonly announced: (Told & { room: string; droppable: boolean })[] = [];

  add(): void {}

  broadcast(room: string, event: string, data: MessageData, { droppable = false } = {}): void {
    this.announced.push({ room, event, data, droppable });
    for (const client of this.#rooms.get(room) ?? []) client.send(event, data);
  }

  size(room: string): number {
    return this.#rooms.get(room)?.size ?? 0;
  }

  signOut(): void {}

  /** Somebody who is connected. */
  client(principal: Principal, address = '198.51.100.7'): ClientDouble {
    return new ClientDouble(this, principal, address);
  }

  members(room: string): Set<ClientDouble> {
    const members = this.#rooms.get(room) ?? new Set();
    this.#rooms.set(room, members);
    return members;
  }
}

export class ClientDouble implements SocketClient {
  readonly id = 'client';
  readonly principal: Principal;
  readonly address: string;
  readonly told: Told[] = [];
  readonly #hub: HubDouble;
  readonly #life = new AbortController();
  /** `room holder` */
  readonly #held = new Set<string>();

  constructor(hub: HubDouble, principal: Principal, address: string) {
    this.#hub = hub;
    this.principal = principal;
    this.address = address;
  }

  get signal(): AbortSignal {
    return this.#life.signal;
  }

  send(event: string, data: MessageData): void {
    this.told.push({ event, data });
  }

  enter(room: string, holder = ''): void {
    this.#held.add(`${room} ${holder}`);
    this.#hub.members(room).add(this);
  }

  leave(room: string, holder = ''): void {
    this.#held.delete(`${room} ${holder}`);
    if (![...this.#held].some((held) => held.startsWith(`${room} `))) this.#hub.members(room).delete(this);
  }

  /** The data of everything it was told under a name. */
  heard(event: string): MessageData[] {
    return this.told.filter((told) => told.event === event).map((told) => told.data);
  }
}
