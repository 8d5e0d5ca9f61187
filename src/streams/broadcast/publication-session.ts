import { randomUUID } from 'node:crypto';
import { type FlvTag, type PictureState, SourceCounters, type SourceInfo } from '../../media/index.js';
import { PUBLICATION_END, type PublicationEnd } from './end-reason.js';
import type { Publication, Publisher, RtpSource, Source, SourceReader } from './publication.js';
import type { RelayPath } from './relay-path.js';

type SessionOptions = {
  streamId: string;
  broadcastId: string;
  publisher: Publisher;
  /** Called once, at the end of the publication. */
  onEnd(reason: PublicationEnd): void;
  onDescribe(info: SourceInfo): void;
  /** Called when the publisher is paused or resumed by readers. */
  onHold(held: boolean): void;
  onNotice(topic: string, message: string | undefined): void;
};

/** Publication of one connection: write handle of ingest and read handle of subscribers. */
export class PublicationSession implements Publication, Source {
  readonly id = randomUUID();
  readonly streamId: string;
  readonly broadcastId: string;
  readonly counters = new SourceCounters();
  readonly #options: SessionOptions;
  #info: SourceInfo;
  #readers: SourceReader[] = [];
  /** Pauses of the publisher by readers and by ingest. */
  #holds = 0;
  #pauses = 0;
  readonly #notices = new Set<string>();
  #over = false;
  #timeline: { startedAt: number; has: { audio: boolean; video: boolean } } | undefined;
  /** Latest metadata and decoder configurations, sent first to readers that subscribe late. */
  #headers: { script?: FlvTag; video?: FlvTag; audio?: FlvTag } = {};

  constructor(options: SessionOptions) {
    this.#options = options;
    this.streamId = options.streamId;
    this.broadcastId = options.broadcastId;
    const { protocol, encoder } = options.publisher;
    this.#info = encoder === undefined ? { protocol } : { protocol, encoder };
  }

  get info(): SourceInfo {
    return this.#info;
  }

  get rtp(): RtpSource | undefined {
    return this.#options.publisher.rtp;
  }

  get relayPath(): RelayPath {
    return this.#options.publisher.relayPath?.() ?? [];
  }

  restart(startedAt: number, has: { audio: boolean; video: boolean }): void {
    if (this.#over) return;
    this.#timeline = { startedAt, has };
    this.#headers = {};
    for (const reader of this.#readers) reader.restart(startedAt, has);
  }

  write(tag: FlvTag): void {
    if (this.#over) return;
    if (tag.header || tag.kind === 'script') this.#headers[tag.kind] = tag;
    for (const reader of this.#readers) reader.write(tag);
  }

  pictureChanged(state: PictureState): void {
    if (this.#over) return;
    for (const reader of this.#readers) reader.pictureChanged?.(state);
  }

  describe(source: Pick<SourceInfo, 'video' | 'audio' | 'encoder'>): void {
    if (this.#over) return;
    this.#info = { ...this.#info, ...source };
    this.#options.onDescribe(this.#info);
  }

  read(reader: SourceReader): () => void {
    if (this.#over) return () => {};
    this.#readers = [...this.#readers, reader];
    const remove = (): void => {
      this.#readers = this.#readers.filter((other) => other !== reader);
    };
    if (!this.#timeline) return remove;
    reader.restart(this.#timeline.startedAt, this.#timeline.has);
    const { script, video, audio } = this.#headers;
    for (const tag of [script, video, audio]) if (tag) reader.write({ ...tag, timestamp: 0 });
    return remove;
  }

  notice(topic: string, message: string | undefined): void {
    if (this.#over) return;
    if (message === undefined) this.#notices.delete(topic);
    else this.#notices.add(topic);
    this.#options.onNotice(topic, message);
  }

  hold(): () => void {
    if (++this.#holds === 1 && !this.#over) this.#options.onHold(true);
    const resume = this.pause();
    return once(() => {
      resume();
      if (--this.#holds === 0 && !this.#over) this.#options.onHold(false);
    });
  }

  pause(): () => void {
    if (++this.#pauses === 1 && !this.#over) this.#options.publisher.pause();
    return once(() => {
      if (--this.#pauses === 0 && !this.#over) this.#options.publisher.resume();
    });
  }

  close(reason: PublicationEnd): void {
    this.#end(reason);
  }

  kick(reason: PublicationEnd): void {
    if (this.#over) return;
    this.#end(reason);
    this.#options.publisher.kick(reason, PUBLICATION_END[reason].message);
  }

  #end(reason: PublicationEnd): void {
    if (this.#over) return;
    this.#over = true;
    const readers = this.#readers;
    this.#readers = [];
    this.#headers = {};
    for (const reader of readers) reader.end(reason);
    if (this.#holds > 0) this.#options.onHold(false);
    for (const topic of this.#notices) this.#options.onNotice(topic, undefined);
    this.#options.onEnd(reason);
  }
}

/** Makes a function that acts at its first call only. */
function once(act: () => void): () => void {
  let done = false;
  return () => {
    if (done) return;
    done = true;
    act();
  };
}
