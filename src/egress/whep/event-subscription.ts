import { randomBytes } from 'node:crypto';
import type { Layer } from '../../webrtc/index.js';
import type { EventStream } from './event-stream.js';
import type { ViewerSession, ViewerSessionEvent } from './viewer-session.js';

/** Names of events. `reconnect` and `end` are extensions of this server and reach every subscriber. */
export const EVENT_NAMES = ['active', 'inactive', 'layers', 'viewercount', 'reconnect', 'end'] as const;

const ID_BYTES = 16;

/**
 * Subscription to the events of a session (draft-ietf-wish-whep, Server Sent Events extension). While no stream is
 * attached, the latest event of each name is kept.
 */
export class EventSubscription {
  readonly id = randomBytes(ID_BYTES).toString('base64url');
  readonly #wanted: ReadonlySet<string>;
  readonly #videoSection: string | undefined;
  readonly #latest = new Map<string, unknown>();
  readonly #stopListening: () => void;
  #stream: EventStream | undefined;
  #closed = false;

  constructor(session: ViewerSession, wanted: readonly string[]) {
    this.#wanted = new Set(wanted);
    this.#videoSection = session.videoSection;
    this.#stopListening = session.listen((event) => this.#handleEvent(event));
    void session.ended.then(({ name, reason, message }) => {
      this.#deliver(name, { reason, message });
      this.close();
    });
  }

  /** Sends kept and later events to this stream; closes the stream attached before. */
  attach(stream: EventStream): void {
    this.#stream?.close();
    this.#stream = stream;
    for (const [name, data] of this.#latest) stream.send(name, data);
    this.#latest.clear();
    if (this.#closed) stream.close();
    void stream.closed.then(() => {
      if (this.#stream === stream) this.#stream = undefined;
    });
  }

  close(): void {
    this.#closed = true;
    this.#stopListening();
    this.#stream?.close();
  }

  #handleEvent(event: ViewerSessionEvent): void {
    if (!this.#wanted.has(event.type)) return;
    switch (event.type) {
      case 'active':
      case 'inactive':
        this.#latest.delete(event.type === 'active' ? 'inactive' : 'active');
        this.#deliver(event.type, {});
        break;
      case 'viewercount':
        this.#deliver(event.type, { viewercount: event.viewers });
        break;
      case 'layers':
        if (this.#videoSection === undefined) return;
        this.#deliver(event.type, {
          [this.#videoSection]: describeLayers(event.layers),
          current: event.current ?? null,
          chosen: event.chosen ?? null,
        });
    }
  }

  #deliver(name: string, data: unknown): void {
    if (this.#stream) this.#stream.send(name, data);
    else this.#latest.set(name, data);
  }
}

/** Lists active, inactive and selectable layers in the shape of the draft's `layers` event. */
function describeLayers(layers: readonly Layer[]): Record<'active' | 'inactive' | 'layers', object[]> {
  const described = layers.map(({ rid, active, ...measured }, simulcastIdx) => ({
    active,
    entry: { id: rid, simulcastIdx, ...measured },
    layer: { encodingId: rid, rid, simulcastIdx, ...measured },
  }));
  return {
    active: described.filter(({ active }) => active).map(({ entry }) => entry),
    inactive: described.filter(({ active }) => !active).map(({ entry }) => entry),
    layers: described.filter(({ active }) => active).map(({ layer }) => layer),
  };
}
