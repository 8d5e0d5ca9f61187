import { randomBytes } from 'node:crypto';
import type { Layer } from '../../webrtc/index.js';
import type { EventStream } from './event-stream.js';
import type { Viewing, ViewingEvent } from './viewing.js';

/** What can be subscribed to; `reconnect` and `end` are ours, and every subscriber gets them. */
export const EVENT_NAMES = ['active', 'inactive', 'layers', 'viewercount', 'reconnect', 'end'] as const;

const ID_BYTES = 16;

/**
 * A subscription to a viewing's events (draft-ietf-wish-whep, Server Sent Events extension). While nobody reads, the
 * latest of each kind is kept: that is all there is to know.
 */
export class EventSubscription {
  readonly id = randomBytes(ID_BYTES).toString('base64url');
  readonly #wanted: ReadonlySet<string>;
  readonly #videoSection: string | undefined;
  readonly #waiting = new Map<string, unknown>();
  readonly #stop: () => void;
  #stream: EventStream | undefined;
  #over = false;

  constructor(viewing: Viewing, wanted: readonly string[]) {
    this.#wanted = new Set(wanted);
    this.#videoSection = viewing.videoSection;
    this.#stop = viewing.listen((event) => this.#event(event));
    void viewing.ended.then(({ name, reason, message }) => {
      this.#tell(name, { reason, message });
      this.close();
    });
  }

  /** Events go to this stream from now on; one before it is closed. */
  attach(stream: EventStream): void {
    this.#stream?.close();
    this.#stream = stream;
    for (const [name, data] of this.#waiting) stream.send(name, data);
    this.#waiting.clear();
    if (this.#over) stream.close();
    void stream.closed.then(() => {
      if (this.#stream === stream) this.#stream = undefined;
    });
  }

  close(): void {
    this.#over = true;
    this.#stop();
    this.#stream?.close();
  }

  #event(event: ViewingEvent): void {
    if (!this.#wanted.has(event.type)) return;
    switch (event.type) {
      case 'active':
      case 'inactive':
        this.#waiting.delete(event.type === 'active' ? 'inactive' : 'active');
        this.#tell(event.type, {});
        break;
      case 'viewercount':
        this.#tell(event.type, { viewercount: event.viewers });
        break;
      case 'layers':
        if (this.#videoSection === undefined) return;
        this.#tell(event.type, {
          [this.#videoSection]: describeLayers(event.layers),
          current: event.current ?? null,
          chosen: event.chosen ?? null,
        });
    }
  }

  #tell(name: string, data: unknown): void {
    if (this.#stream) this.#stream.send(name, data);
    else this.#waiting.set(name, data);
  }
}

/** As the draft has it: by media section, layers that are sent, those that are not, and those that can be chosen. */
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
