import type { FastifyReply } from 'fastify';
import { type BoundedCalls, type Clock, TtlCache } from '../../platform/index.js';

/** Lifetime of pages, in ms; changes of what is listed should clear the cache. */
const TTL_MS = 1_000;
const MAXIMUM_PAGES = 200;

export type PageCacheOptions = {
  /** Bounds the time of database queries for viewers. */
  calls: BoundedCalls;
  clock: Clock;
};

/** Pages of public lists: each is queried and serialized once for concurrent requests. */
export class PageCache {
  readonly #calls: BoundedCalls;
  readonly #pages: TtlCache<string>;

  constructor({ calls, clock }: PageCacheOptions) {
    this.#calls = calls;
    this.#pages = new TtlCache({ clock, ttlMs: TTL_MS, maxEntries: MAXIMUM_PAGES });
  }

  clear(): void {
    this.#pages.clear();
  }

  /** Sends the response of a page, which its query names. */
  async send(reply: FastifyReply, key: string, find: () => Promise<Record<string, unknown>>): Promise<never> {
    const json = await this.#pages.get(key, async () =>
      String(reply.serializeInput(await this.#calls.run(find), '200')),
    );
    // Fastify sends strings unchanged when the content type is set.
    return reply.type('application/json; charset=utf-8').send(json as never) as never;
  }
}
