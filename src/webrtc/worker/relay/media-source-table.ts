import type { FeedPlace } from '../../messages.js';
import type { WorkerContext } from '../context.js';
import type { Feed } from '../receive/media-source.js';
import { RelayClient } from './relay-client.js';

type Watcher = (feed: Feed | undefined) => void;
type Relayed = { client: RelayClient; feed: Feed | undefined; watchers: Set<Watcher> };

/** All feeds that this worker can show: its own, and those of other workers while somebody here watches them. */
export class FeedTable {
  readonly #context: WorkerContext;
  readonly #own = new Map<string, Feed>();
  readonly #relayed = new Map<string, Relayed>();

  constructor(context: WorkerContext) {
    this.#context = context;
  }

  /** A feed of this worker. */
  get(feedId: string): Feed | undefined {
    return this.#own.get(feedId);
  }

  add(feed: Feed): void {
    this.#own.set(feed.id, feed);
    feed.listen({ layersChanged: () => {}, feedEnded: () => this.#own.delete(feed.id) });
  }

  /** Calls back with the feed, now or when it is here, and when it is gone; until the returned function is called. */
  watch(place: FeedPlace, watcher: Watcher): () => void {
    if (place.relayPath === undefined) {
      const feed = this.#own.get(place.feedId);
      watcher(feed);
      const listener = { layersChanged: () => {}, feedEnded: () => watcher(undefined) };
      feed?.listen(listener);
      return () => feed?.unlisten(listener);
    }
    const relayed = this.#relayed.get(place.feedId) ?? this.#relay(place.feedId, place.relayPath);
    relayed.watchers.add(watcher);
    watcher(relayed.feed);
    return () => {
      relayed.watchers.delete(watcher);
      if (relayed.watchers.size > 0 || this.#relayed.get(place.feedId) !== relayed) return;
      this.#relayed.delete(place.feedId);
      relayed.client.close();
    };
  }

  close(): void {
    for (const { client } of this.#relayed.values()) client.close();
    this.#relayed.clear();
  }

  #relay(feedId: string, relayPath: string): Relayed {
    const watchers = new Set<Watcher>();
    const client = new RelayClient({
      context: this.#context,
      feedId,
      relayPath,
      changed: (feed) => {
        relayed.feed = feed;
        for (const watcher of [...watchers]) watcher(feed);
      },
    });
    const relayed: Relayed = { client, feed: undefined, watchers };
    this.#relayed.set(feedId, relayed);
    return relayed;
  }
}
