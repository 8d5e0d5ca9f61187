import {
  type FlvTag,
  flvFileHeader,
  frameFlvTag,
  SourceCounters,
  type SourceInfo,
} from '../../../src/media/index.js';
import type { Publication, PublicationEnd, Publisher } from '../../../src/streams/index.js';

/** Recorded timeline of a publication. */
export type RecordedTimeline = {
  startedAt: number;
  has: { audio: boolean; video: boolean };
  tags: FlvTag[];
};

/** Publication that records its tags and descriptions. */
export class RecordingPublication implements Publication {
  readonly id = 'publication-1';
  readonly streamId = 'stream-1';
  readonly broadcastId = 'broadcast-1';
  readonly counters = new SourceCounters();
  readonly publisher: Publisher | undefined;
  readonly timelines: RecordedTimeline[] = [];
  readonly descriptions: Pick<SourceInfo, 'video' | 'audio' | 'encoder'>[] = [];
  /** Notices that are set, by topic. */
  readonly notices = new Map<string, string>();
  /** Whether the publisher is paused. */
  paused = false;
  /** Reasons that `close` was called with; at most one is correct. */
  readonly ends: PublicationEnd[] = [];
  #waiters: { condition: () => boolean; resolve: () => void }[] = [];

  constructor(publisher?: Publisher) {
    this.publisher = publisher;
  }

  restart(startedAt: number, has: { audio: boolean; video: boolean }): void {
    this.timelines.push({ startedAt, has, tags: [] });
    this.#notify();
  }

  write(tag: FlvTag): void {
    const timeline = this.timelines.at(-1);
    if (!timeline) throw new Error('a tag came before restart');
    timeline.tags.push(tag);
    this.#notify();
  }

  pictureChanged(): void {}

  describe(source: Pick<SourceInfo, 'video' | 'audio' | 'encoder'>): void {
    this.descriptions.push(source);
    this.#notify();
  }

  notice(topic: string, message: string | undefined): void {
    if (message === undefined) this.notices.delete(topic);
    else this.notices.set(topic, message);
    this.#notify();
  }

  pause(): () => void {
    this.paused = true;
    return () => {
      this.paused = false;
    };
  }

  close(reason: PublicationEnd): void {
    this.ends.push(reason);
    this.#notify();
  }

  get tags(): FlvTag[] {
    return this.timelines.flatMap((timeline) => timeline.tags);
  }

  /** Resolves when the condition holds; checked after each write. */
  async until(condition: (publication: this) => boolean): Promise<void> {
    if (condition(this)) return;
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(
        () => reject(new Error('the condition on the publication did not hold within 20 s')),
        20_000,
      );
      this.#waiters.push({
        condition: () => condition(this),
        resolve: () => {
          clearTimeout(timer);
          resolve();
        },
      });
    });
  }

  /** Writes a timeline as an FLV file. */
  flv(index = 0): Buffer {
    const { has, tags } = this.timelines[index]!;
    return Buffer.concat([flvFileHeader(has), ...tags.flatMap((tag) => frameFlvTag(tag, tag.timestamp))]);
  }

  #notify(): void {
    this.#waiters = this.#waiters.filter(({ condition, resolve }) => {
      if (!condition()) return true;
      resolve();
      return false;
    });
  }
}
