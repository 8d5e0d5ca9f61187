import type { Principal } from '../../../src/accounts/index.js';
import type { MessageData, SocketClient, SocketHub } from '../../../src/sockets/index.js';

type SentMessage = { event: string; data: MessageData };

/** Socket hub without connections: messages reach a room's clients synchronously. */
export class FakeSocketHub implements SocketHub {
  readonly #rooms = new Map<string, Set<FakeSocketClient>>();
  /** Messages broadcast to rooms, also to empty ones. */
  readonly broadcasts: (SentMessage & { room: string; droppable: boolean })[] = [];

  add(): void {}

  broadcast(room: string, event: string, data: MessageData, { droppable = false } = {}): void {
    this.broadcasts.push({ room, event, data, droppable });
    for (const client of this.#rooms.get(room) ?? []) client.send(event, data);
  }

  size(room: string): number {
    return this.#rooms.get(room)?.size ?? 0;
  }

  signOut(): void {}

  /** Creates a connected client. */
  client(principal: Principal, address = '198.51.100.7'): FakeSocketClient {
    return new FakeSocketClient(this, principal, address);
  }

  members(room: string): Set<FakeSocketClient> {
    const members = this.#rooms.get(room) ?? new Set();
    this.#rooms.set(room, members);
    return members;
  }
}

export class FakeSocketClient implements SocketClient {
  readonly id = 'client';
  readonly principal: Principal;
  readonly address: string;
  readonly received: SentMessage[] = [];
  readonly #hub: FakeSocketHub;
  readonly #connection = new AbortController();
  /** `room holder` */
  readonly #held = new Set<string>();

  constructor(hub: FakeSocketHub, principal: Principal, address: string) {
    this.#hub = hub;
    this.principal = principal;
    this.address = address;
  }

  get signal(): AbortSignal {
    return this.#connection.signal;
  }

  send(event: string, data: MessageData): void {
    this.received.push({ event, data });
  }

  enter(room: string, holder = ''): void {
    this.#held.add(`${room} ${holder}`);
    this.#hub.members(room).add(this);
  }

  leave(room: string, holder = ''): void {
    this.#held.delete(`${room} ${holder}`);
    if (![...this.#held].some((held) => held.startsWith(`${room} `))) this.#hub.members(room).delete(this);
  }

  /** Data of the received messages of an event. */
  receivedData(event: string): MessageData[] {
    return this.received.filter((message) => message.event === event).map((message) => message.data);
  }
}
