import {
  type FlvTag,
  SourceCounters,
  type SourceInfo,
  type TrackInit,
  writeFragment,
} from '../../../src/media/index.js';
import { type Clock, systemClock } from '../../../src/platform/index.js';
import {
  type Broadcast,
  type EncoderRunOptions,
  type EncoderRunWriter,
  HlsDemand,
  type PublicationEnd,
  type RtpSource,
  type Source,
  type SourceReader,
} from '../../../src/streams/index.js';

/** Output of one encoder run. */
export type RecordedRun = EncoderRunOptions & {
  index: number;
  closed: boolean;
  /** `performance.now()` of the opening and the closing. */
  openedAt: number;
  closedAt: number | undefined;
  /** CMAF of each rendition, also of those that are copied; of its last encoder. */
  bytes: Map<string, Buffer[]>;
  /** Output of earlier encoders of the run. */
  earlier: { renditionId: string; bytes: Buffer }[];
  /** Renditions whose encoder ended within the run, and those that the run has no more of, in order. */
  encodersEnded: string[];
  renditionsEnded: string[];
  /** Renditions that were suspended, in order. */
  renditionsSuspended: string[];
};

/** Broadcast that records the output of the transcoder. */
export class FakeBroadcast implements Broadcast {
  readonly id = 'broadcast-1';
  readonly streamId = 'stream-1';
  readonly startedAt = Date.now();
  readonly resumed = false;
  readonly source = undefined;
  readonly hlsDemand: HlsDemand;
  readonly runs: RecordedRun[] = [];
  readonly notices = new Map<string, string>();
  /** Notices in the order they were given. */
  readonly noticesGiven: { topic: string; message: string | undefined }[] = [];
  failed: string | undefined;
  isPlayable = false;
  /** Called before a run is opened. */
  beforeRun: () => Promise<void> = async () => {};
  /** Called with all bytes. */
  onBytes: (renditionId: string, bytes: Buffer) => void = () => {};
  /** True after two runs were open at once, which must never happen. */
  runsOverlapped = false;

  constructor(clock: Clock = systemClock) {
    this.hlsDemand = new HlsDemand(clock);
  }

  encodeForWebrtc(): undefined {}

  async renderWebrtcSlate(): Promise<undefined> {}

  notice(topic: string, message: string | undefined): void {
    if (this.notices.get(topic) === message) return;
    if (message === undefined) this.notices.delete(topic);
    else this.notices.set(topic, message);
    this.noticesGiven.push({ topic, message });
  }

  async openRun(options: EncoderRunOptions): Promise<EncoderRunWriter> {
    await this.beforeRun();
    if (this.runs.some((run) => !run.closed)) this.runsOverlapped = true;
    const run: RecordedRun = {
      ...options,
      index: this.runs.length,
      closed: false,
      openedAt: performance.now(),
      closedAt: undefined,
      bytes: new Map(options.renditions.map(({ id }) => [id, []])),
      earlier: [],
      encodersEnded: [],
      renditionsEnded: [],
      renditionsSuspended: [],
    };
    this.runs.push(run);
    const inits = new Map<string, TrackInit>();
    let sequence = 0;
    const write = (renditionId: string, bytes: Buffer): void => {
      if (run.closed) throw new Error('bytes after the end of the run');
      this.onBytes(renditionId, bytes);
      const kept = run.bytes.get(renditionId);
      if (!kept) throw new Error(`there is no rendition ${renditionId}`);
      if (kept.length > 0 && bytes.toString('latin1', 4, 8) === 'ftyp')
        run.earlier.push({ renditionId, bytes: Buffer.concat(kept.splice(0)) });
      kept.push(bytes);
    };
    return {
      index: run.index,
      delayMs: 0,
      isSuperseded: false,
      write,
      startCopy: (renditionId, init) => {
        inits.set(renditionId, init);
        write(renditionId, init.data);
      },
      sample: (renditionId, sample) => {
        const init = inits.get(renditionId);
        if (!init) throw new Error(`a sample of ${renditionId} before its initialization section`);
        const { trackId } = init;
        const { decodeTime } = sample;
        write(renditionId, writeFragment({ trackId, sequence: ++sequence, decodeTime, samples: [sample] }));
      },
      encoderEnded: (renditionId) => {
        run.encodersEnded.push(renditionId);
      },
      renditionSuspended: (renditionId) => {
        run.renditionsSuspended.push(renditionId);
      },
      renditionEnded: (renditionId) => {
        run.renditionsEnded.push(renditionId);
      },
      close: () => {
        run.closed = true;
        run.closedAt ??= performance.now();
      },
    };
  }

  playable(): void {
    this.isPlayable = true;
  }

  fail(reason: 'transcoder-failed'): void {
    this.failed = reason;
  }

  /** Waits until a condition gives a value. @throws after `ms` */
  async until<T>(condition: () => T | undefined | false, ms = 15_000): Promise<T> {
    for (const end = performance.now() + ms; ; ) {
      const value = condition();
      if (value !== undefined && value !== false) return value;
      if (performance.now() > end) throw new Error(`still waiting for: ${condition}`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }
}

/** Joins all bytes of one rendition of a run. */
export function bytesOf(run: RecordedRun | undefined, renditionId: string): Buffer {
  return Buffer.concat(run?.bytes.get(renditionId) ?? []);
}

/** Publication whose tags come from the test. */
export class FakeSource implements Source {
  readonly relayPath: string[] = [];
  readonly id = 'publication-1';
  info: SourceInfo;
  readonly counters = new SourceCounters();
  holds = 0;
  totalHolds = 0;
  readonly rtp: RtpSource | undefined = undefined;
  #readers: SourceReader[] = [];
  #timeline: { startedAt: number; has: { audio: boolean; video: boolean } } | undefined;
  #headers: { video?: FlvTag; audio?: FlvTag } = {};

  constructor(info: SourceInfo) {
    this.info = info;
  }

  read(reader: SourceReader): () => void {
    this.#readers.push(reader);
    const remove = (): void => {
      this.#readers = this.#readers.filter((other) => other !== reader);
    };
    if (!this.#timeline) return remove;
    reader.restart(this.#timeline.startedAt, this.#timeline.has);
    for (const tag of Object.values(this.#headers)) reader.write({ ...tag, timestamp: 0 });
    return remove;
  }

  hold(): () => void {
    let held = true;
    this.holds++;
    this.totalHolds++;
    return () => {
      if (held) this.holds--;
      held = false;
    };
  }

  kick(): void {}

  restart(startedAt: number, has: { audio: boolean; video: boolean }): void {
    this.#timeline = { startedAt, has };
    this.#headers = {};
    for (const reader of this.#readers) reader.restart(startedAt, has);
  }

  readonly write = (tag: FlvTag): void => {
    if (tag.header && tag.kind !== 'script') this.#headers[tag.kind] = tag;
    for (const reader of this.#readers) reader.write(tag);
  };

  end(reason: PublicationEnd): void {
    const readers = this.#readers;
    this.#readers = [];
    for (const reader of readers) reader.end(reason);
  }
}
