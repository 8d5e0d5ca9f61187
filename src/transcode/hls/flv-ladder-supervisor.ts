import type { FlvTag } from '../../media/index.js';
import { type Clock, type Logger, messageOf } from '../../platform/index.js';
import type {
  Broadcast,
  EncoderRunWriter,
  PublicationEnd,
  Source,
  SourceReader,
} from '../../streams/index.js';
import { recordFailure } from '../ffmpeg/failure.js';
import { TIMELINE_START_MS } from '../ffmpeg/ffmpeg-arguments.js';
import { keepRunning } from '../ffmpeg/supervision.js';
import { FlvInput } from '../inputs/flv-input.js';
import { frameRateTag } from '../inputs/flv-metadata.js';
import { GopBuffer } from '../inputs/gop-buffer.js';
import { joinsNow } from '../inputs/join-moment.js';
import { KeyframeWatch } from '../inputs/keyframe-watch.js';
import type { BroadcastMemory, TranscodeSettings } from '../transcode-settings.js';
import { isPlainAvc } from '../webrtc/avc-profile.js';
import { Encoder, type EncoderEnd } from './encoder.js';
import { openRun } from './encoder-run.js';
import { chooseLadder, type Ladder } from './ladder.js';
import { Shedding } from './shedding.js';

/** FLV timestamps have 31 bits; near the limit a new run starts with a smaller one. */
const MAXIMUM_TIMESTAMP_MS = 0x7fff_ffff - 60_000;
/** FLV sizes have 24 bits. */
const MAXIMUM_BODY_BYTES = 0xff_ffff;
const CHECK_INTERVAL_MS = 500;
/** Time for remaining output after the publication has ended, ms. */
const FLUSH_MS = 5_000;
/** The same before the next run, ms. */
const REPLACE_FLUSH_MS = 250;
/** Maximum wait for an unknown frame size or announced audio, ms of media. */
const PATIENCE_MS = 500;

const KEYFRAME_FAULTS = {
  'too-far-apart': 'are more than 4 s apart',
  'too-close': 'are less than 0.9 s apart',
  irregular: 'come at irregular intervals',
} as const;

/** Supervises the encoder of one FLV publication: chooses the ladder, joins the stream, replaces the encoder. */
export class FlvLadderSupervisor implements SourceReader {
  /** Resolves when no child process is left and the last run is closed. */
  readonly gone: Promise<void>;
  readonly #broadcast: Broadcast;
  readonly source: Source;
  readonly #settings: TranscodeSettings;
  readonly #memory: BroadcastMemory;
  readonly #log: Logger;
  readonly #clock: Clock;
  readonly #gop = new GopBuffer();
  readonly #keyframes = new KeyframeWatch();
  readonly #shedding: Shedding;
  /** Aborts at the end of the publication. */
  readonly #over = new AbortController();
  #timeline: { startedAt: number; has: { audio: boolean; video: boolean } } | undefined;
  /** Nothing of this timeline was encoded: the encoder joins at its start. */
  #fresh = false;
  /** The next run starts without waiting for a keyframe. */
  #atOnce = false;
  /** Position up to which this timeline has been encoded, ms. */
  #covered: number | undefined;
  #base = 0;
  #encoder: Encoder | undefined;
  #input: FlvInput | undefined;
  #running = false;
  #wake: (() => void) | undefined;
  #release: (() => void) | undefined;

  /** @param before resolves when the previous publication's encoder has ended */
  constructor(
    broadcast: Broadcast,
    source: Source,
    settings: TranscodeSettings,
    memory: BroadcastMemory,
    before: Promise<void>,
    log: Logger,
  ) {
    this.#broadcast = broadcast;
    this.source = source;
    this.#settings = settings;
    this.#memory = memory;
    this.#clock = settings.clock;
    this.#log = log;
    this.#shedding = new Shedding(broadcast, settings.clock, log);
    this.gone = before
      .then(() => this.#supervise())
      .catch((error: unknown) => {
        this.#log.error({ err: error }, 'supervision failed');
        this.stop();
        this.#broadcast.fail('transcoder-failed');
      });
    settings.clock.every(CHECK_INTERVAL_MS, () => this.#check(), this.#over.signal);
  }

  restart(startedAt: number, has: { audio: boolean; video: boolean }): void {
    this.#gop.reset(has.video);
    this.#keyframes.reset();
    this.#timeline = { startedAt, has };
    this.#fresh = true;
    this.#covered = undefined;
    this.#base = 0;
    this.#replace(REPLACE_FLUSH_MS);
  }

  write(tag: FlvTag): void {
    if (this.#over.signal.aborted || tag.kind === 'script' || tag.body.length > MAXIMUM_BODY_BYTES) return;
    const known = tag.header && this.#gop.knows(tag);
    this.#gop.push(tag);
    if (tag.kind === 'video' && !tag.header) this.#keyframes.picture(tag.timestamp, tag.keyframe);
    if (!this.#running) {
      if (this.#ready()) this.#wake?.();
      return;
    }
    if (this.#mustReplace(tag)) return;
    if (!known) this.#input?.write(tag);
  }

  end(reason: PublicationEnd): void {
    if (reason === 'replaced') this.stop();
    else this.finish(FLUSH_MS);
  }

  /** Tags since the last keyframe. */
  get gop(): GopBuffer {
    return this.#gop;
  }

  /** Ends the input; the remaining output is written within `ms`. */
  finish(ms: number): void {
    this.#over.abort();
    this.#wake?.();
    this.#encoder?.end(ms);
  }

  /** Kills the encoder. */
  stop(): void {
    this.#over.abort();
    this.#wake?.();
    this.#encoder?.stop();
  }

  async #supervise(): Promise<void> {
    const kept = await keepRunning({
      what: 'encoder',
      untilReady: () => this.#untilReady(),
      run: async () => {
        const end = await this.#encode();
        this.#setFull(false);
        return end;
      },
      onFailure: (end) => recordFailure(end, this.#broadcast, this.#memory, this.#log),
      over: this.#over.signal,
      clock: this.#clock,
      log: this.#log,
    });
    this.#over.abort();
    if (!kept) this.#broadcast.fail('transcoder-failed');
  }

  /** Waits until a run can start, or for the end of the publication. */
  #untilReady(): Promise<void> {
    if (this.#over.signal.aborted || this.#ready()) return Promise.resolve();
    return new Promise((resolve) => {
      this.#wake = () => {
        this.#wake = undefined;
        resolve();
      };
    });
  }

  /** Whether a run should start now. */
  #ready(): boolean {
    const { age, span, seen, videoHeader } = this.#gop;
    if (!this.#timeline || age === undefined) return false;
    const { video } = this.source.info;
    if (this.#fresh && span < PATIENCE_MS) {
      const sized = !seen.video || (video?.width !== undefined && video.height !== undefined);
      const heard = seen.audio || !this.#timeline.has.audio;
      if (!sized || !heard || (seen.video && !videoHeader)) return false;
    }
    return this.#fresh || this.#atOnce || joinsNow(age, this.#keyframes.interval);
  }

  async #encode(): Promise<EncoderEnd> {
    const timeline = this.#timeline;
    const startedAt = timeline?.startedAt ?? this.#clock.now();
    const ladder = this.#chooseLadder();
    this.#rebase();
    const offset = TIMELINE_START_MS - this.#base;
    const input = new FlvInput({
      has: { audio: ladder.audio !== undefined, video: ladder.video.length > 0 },
      offset,
      onFull: (full) => this.#setFull(full),
      clock: this.#clock,
    });
    const encoder = new Encoder({
      ladder,
      input,
      ffmpeg: this.#settings.ffmpeg,
      encoder: this.#memory.encoder.settings,
      segmentDuration: this.#settings.segmentDuration,
      maxPixels: this.#settings.maxPixels,
      listener: this.#settings.listener,
      from: this.#skipTo(ladder, offset),
      clock: this.#clock,
    });
    this.#encoder = encoder;
    this.#input = input;
    try {
      const writer = await openRun(this.#broadcast, encoder, startedAt - offset, this.#log);
      if (this.#timeline === timeline) this.#begin(encoder, input, writer);
      else encoder.refuse(writer);
    } catch (error) {
      encoder.fail(messageOf(error));
    }
    const end = await encoder.closed;
    const progress = encoder.progress;
    if (progress && this.#timeline === timeline)
      this.#covered = Math.max(this.#covered ?? 0, progress.position - offset);
    this.#running = false;
    this.#encoder = undefined;
    this.#input = undefined;
    return end;
  }

  #begin(encoder: Encoder, input: FlvInput, writer: EncoderRunWriter): void {
    const { tags, videoHeader, audioHeader } = this.#gop;
    const first = tags[0]?.timestamp ?? this.#gop.newest;
    const head: FlvTag[] = [];
    const frameRate = this.source.info.video?.frameRate;
    if (encoder.ladder.video.length > 0) head.push(frameRateTag(frameRate ?? 30, first));
    for (const header of [videoHeader, audioHeader]) if (header) head.push({ ...header, timestamp: first });
    if (encoder.deliver(writer)) input.begin([...head, ...tags]);
    this.#running = true;
    this.#fresh = false;
    this.#atOnce = false;
    this.#shedding.forget();
  }

  #chooseLadder(): Ladder {
    const { video, audio } = this.source.info;
    const { seen, videoHeader } = this.#gop;
    return chooseLadder({
      video: seen.video ? (video ?? { codec: 'h264' }) : undefined,
      audio: seen.audio ? (audio ?? { codec: 'aac' }) : undefined,
      rungs: this.#settings.ladder,
      audioBitrate: this.#settings.audioBitrate,
      passthrough: !this.#memory.encodeSource && isPlainAvc(videoHeader),
      shed: this.#shedding.ids,
    });
  }

  /** Keeps the next run's FLV timestamps within 31 bits. */
  #rebase(): void {
    const first = this.#gop.tags[0]?.timestamp ?? 0;
    if (first - this.#base + TIMELINE_START_MS > MAXIMUM_TIMESTAMP_MS / 2) this.#base = first;
  }

  /** Media time (ms) before which an encoded ladder repeats delivered output. */
  #skipTo(ladder: Ladder, offset: number): number | undefined {
    const first = this.#gop.tags[0]?.timestamp;
    if (this.#covered === undefined || first === undefined) return undefined;
    if (ladder.video.length === 0 || ladder.video.some(({ passthrough }) => passthrough)) return undefined;
    return this.#covered > first ? this.#covered + offset : undefined;
  }

  /**
   * Starts a new run when the tag shows that the ladder does not fit. @returns true when the new run will contain the
   * tag
   */
  #mustReplace(tag: FlvTag): boolean {
    const ladder = this.#encoder?.ladder;
    if (!ladder) return false;
    const fault = this.#keyframes.fault;
    if (fault && !this.#memory.encodeSource && ladder.keyframes === 'source') {
      this.#memory.encodeSource = true;
      const text = `The encoder's keyframes ${KEYFRAME_FAULTS[fault]}: the picture is encoded again. Set a keyframe interval of 2 s.`;
      this.#broadcast.notice('keyframes', text);
      this.#log.warn({ fault }, 'the source cannot be passed through');
      this.#replace(tag.keyframe ? REPLACE_FLUSH_MS : 0);
      return true;
    }
    const appeared = tag.kind === 'video' ? ladder.video.length === 0 : !ladder.audio;
    const overflows =
      (tag.keyframe || ladder.video.length === 0) && tag.timestamp - this.#base > MAXIMUM_TIMESTAMP_MS;
    if (!overflows && (!appeared || this.#gop.age === undefined)) return false;
    this.#log.info(overflows ? 'the timeline is long: a new run' : `the source now has ${tag.kind}`);
    this.#replace(REPLACE_FLUSH_MS);
    return true;
  }

  /** Ends the current run; the next one starts when it is closed. */
  #replace(flushMs: number): void {
    this.#running = false;
    this.#atOnce = true;
    if (flushMs > 0) this.#encoder?.end(flushMs);
    else this.#encoder?.stop();
  }

  #check(): void {
    const encoder = this.#encoder;
    if (!encoder || !this.#running) return;
    if (this.#input?.isHanging) {
      this.#running = false;
      encoder.fail('no output for several seconds');
    } else if (this.#shedding.look(encoder)) this.#replace(0);
  }

  #setFull(full: boolean): void {
    if (full === (this.#release !== undefined)) return;
    this.#release?.();
    this.#release = full ? this.source.hold() : undefined;
    this.#broadcast.notice(
      'transcoder',
      full ? 'The server cannot keep up with encoding: the publisher is slowed down.' : undefined,
    );
  }
}
