import { type PictureState, SourceCounters, type SourceInfo } from '../../../src/media/index.js';
import { systemClock } from '../../../src/platform/index.js';
import {
  type Broadcast,
  type EncoderRunWriter,
  HlsDemand,
  type RtpSource,
  type Source,
  type SourceReader,
  type WebrtcRendition,
  type WebrtcRenditionDestination,
  type WebrtcSlate,
} from '../../../src/streams/index.js';

/** WebRTC rendition without an encoder. */
export class FakeWebrtcRendition implements WebrtcRendition {
  readonly passthrough = false;
  isPassable = true;
  readonly closed: Promise<void>;
  readonly source: Source;
  readonly destination: WebrtcRenditionDestination;
  isClosed = false;
  /** Simulates an encoder that exits by itself. */
  fail: () => void = () => {};

  constructor(source: Source, destination: WebrtcRenditionDestination) {
    this.source = source;
    this.destination = destination;
    this.closed = new Promise((resolve) => {
      this.fail = () => {
        this.isClosed = true;
        resolve();
      };
    });
  }

  close(): void {
    this.fail();
  }
}

/** Broadcast that records its WebRTC renditions. */
export class FakeWebrtcBroadcast implements Broadcast {
  readonly id: string;
  readonly streamId: string;
  readonly startedAt = 0;
  readonly resumed = false;
  readonly source = undefined;
  readonly hlsDemand = new HlsDemand(systemClock);
  readonly renditions: FakeWebrtcRendition[] = [];
  /** Slate for viewers; undefined: none. */
  webrtcSlate: WebrtcSlate | undefined;
  readonly notices = new Map<string, string>();

  constructor(streamId: string, id = `broadcast-of-${streamId}`) {
    this.id = id;
    this.streamId = streamId;
  }

  async renderWebrtcSlate(): Promise<WebrtcSlate | undefined> {
    return this.webrtcSlate;
  }

  encodeForWebrtc(source: Source, destination: WebrtcRenditionDestination): FakeWebrtcRendition {
    const rendition = new FakeWebrtcRendition(source, destination);
    this.renditions.push(rendition);
    return rendition;
  }

  notice(topic: string, message: string | undefined): void {
    if (message === undefined) this.notices.delete(topic);
    else this.notices.set(topic, message);
  }

  async openRun(): Promise<EncoderRunWriter> {
    throw new Error('this fake opens no runs');
  }

  playable(): void {}
  fail(): void {}
}

let sources = 0;

/** Publication whose timeline the test sets. */
export class FakeTimelineSource implements Source {
  readonly relayPath: string[] = [];
  readonly id = `publication-${++sources}`;
  readonly info: SourceInfo;
  readonly counters = new SourceCounters();
  readonly rtp: RtpSource | undefined;
  #readers: SourceReader[] = [];

  /** @param mediaSourceId set for a WHIP publisher. */
  constructor(mediaSourceId?: string) {
    this.info = { protocol: mediaSourceId === undefined ? 'rtmp' : 'whip' };
    this.rtp =
      mediaSourceId === undefined
        ? undefined
        : {
            mediaSourceId,
            send: async () => ({ close() {} }),
            sendMatroska: async () => ({ path: '/nowhere', close() {} }),
          };
  }

  read(reader: SourceReader): () => void {
    this.#readers.push(reader);
    return () => {
      this.#readers = this.#readers.filter((other) => other !== reader);
    };
  }

  hold(): () => void {
    return () => {};
  }

  kick(): void {}

  restart(has = { audio: true, video: true }): void {
    for (const reader of this.#readers) reader.restart(0, has);
  }

  pictureChanged(state: PictureState): void {
    for (const reader of this.#readers) reader.pictureChanged?.(state);
  }

  end(): void {
    const readers = this.#readers;
    this.#readers = [];
    for (const reader of readers) reader.end('publisher-lost');
  }
}
