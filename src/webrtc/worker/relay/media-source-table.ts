import type { MediaSourceLocation } from '../../messages.js';
import type { WorkerContext } from '../context.js';
import type { MediaSource } from '../receive/media-source.js';
import { RelayClient } from './relay-client.js';

type Subscriber = (mediaSource: MediaSource | undefined) => void;
type RelayedSource = {
  client: RelayClient;
  mediaSource: MediaSource | undefined;
  subscribers: Set<Subscriber>;
};

/** Media sources of this worker: local ones, and relayed ones while they have subscribers here. */
export class MediaSourceTable {
  readonly #context: WorkerContext;
  readonly #local = new Map<string, MediaSource>();
  readonly #relayed = new Map<string, RelayedSource>();

  constructor(context: WorkerContext) {
    this.#context = context;
  }

  /** Returns a local source. */
  get(mediaSourceId: string): MediaSource | undefined {
    return this.#local.get(mediaSourceId);
  }

  add(mediaSource: MediaSource): void {
    this.#local.set(mediaSource.id, mediaSource);
    mediaSource.addListener({
      layersChanged: () => {},
      sourceEnded: () => this.#local.delete(mediaSource.id),
    });
  }

  /**
   * Calls back with the source when it is available, and with undefined when it ends.
   *
   * @returns the function that unsubscribes
   */
  subscribe(location: MediaSourceLocation, subscriber: Subscriber): () => void {
    if (location.relayPath === undefined) {
      const mediaSource = this.#local.get(location.mediaSourceId);
      subscriber(mediaSource);
      const listener = { layersChanged: () => {}, sourceEnded: () => subscriber(undefined) };
      mediaSource?.addListener(listener);
      return () => mediaSource?.removeListener(listener);
    }
    const relayed =
      this.#relayed.get(location.mediaSourceId) ?? this.#relay(location.mediaSourceId, location.relayPath);
    relayed.subscribers.add(subscriber);
    subscriber(relayed.mediaSource);
    return () => {
      relayed.subscribers.delete(subscriber);
      if (relayed.subscribers.size > 0 || this.#relayed.get(location.mediaSourceId) !== relayed) return;
      this.#relayed.delete(location.mediaSourceId);
      relayed.client.close();
    };
  }

  /** Has readers that attach later begin with the next keyframe, here and over relays. */
  forgetMedia(mediaSourceId: string): void {
    const mediaSource = this.#local.get(mediaSourceId) ?? this.#relayed.get(mediaSourceId)?.mediaSource;
    for (const layer of mediaSource?.allLayers ?? []) layer.forgetMedia();
  }

  close(): void {
    for (const { client } of this.#relayed.values()) client.close();
    this.#relayed.clear();
  }

  #relay(mediaSourceId: string, relayPath: string): RelayedSource {
    const subscribers = new Set<Subscriber>();
    const client = new RelayClient({
      context: this.#context,
      mediaSourceId,
      relayPath,
      sourceChanged: (mediaSource) => {
        relayed.mediaSource = mediaSource;
        for (const subscriber of [...subscribers]) subscriber(mediaSource);
      },
    });
    const relayed: RelayedSource = { client, mediaSource: undefined, subscribers };
    this.#relayed.set(mediaSourceId, relayed);
    return relayed;
  }
}
