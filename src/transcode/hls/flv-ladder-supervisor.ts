import type { FlvTag } from '../../media/index.js';
import { type Clock, type Logger, messageOf } from '../../platform/index.js';
import type { Broadcast, PublicationEnd, Source, SourceReader } from '../../streams/index.js';
import { recordFailure } from '../ffmpeg/failure.js';
import { TIMELINE_START_MS } from '../ffmpeg/ffmpeg-arguments.js';
import { keepRunning } from '../ffmpeg/supervision.js';
import { FlvInput } from '../inputs/flv-input.js';
import { GopBuffer } from '../inputs/gop-buffer.js';
import { KeyframeWatch, keyframeNotice } from '../inputs/keyframe-watch.js';
import type { BroadcastMemory, TranscodeSettings } from '../transcode-settings.js';
import { Encoder, type EncoderEnd, endWithoutEncoder } from './encoder.js';
import { chooseFlvLadder } from './flv-ladder.js';
import { describedLadder, type Ladder, renditionsOf } from './ladder.js';
import { encodedPart, LadderRun } from './ladder-run.js';
import { PublisherHold } from './publisher-hold.js';
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
/** Media time beyond real time that is no jitter, ms. */
const AHEAD_MS = 500;
/** Maximum backlog of an encoder that starts and has no output yet, which `isHanging` limits in time. */
const MAXIMUM_START_BYTES = 32 * 1024 * 1024;
/** Maximum wait for an unknown frame size or announced audio, ms of media. */
const PATIENCE_MS = 500;

/**
 * Supervises the renditions of one FLV publication: chooses the ladder, opens the run, writes the copied renditions, and
 * starts and replaces the encoder of the others.
 */
export class FlvLadderSupervisor implements SourceReader {
  /** Resolves when no child process is left and the last run is closed. */
  readonly gone: Promise<void>;
  readonly source: Source;
  readonly #broadcast: Broadcast;
  readonly #settings: TranscodeSettings;
  readonly #memory: BroadcastMemory;
  readonly #log: Logger;
  readonly #clock: Clock;
  readonly #gop = new GopBuffer();
  readonly #keyframes = new KeyframeWatch();
  readonly #shedding: Shedding;
  readonly #hold: PublisherHold;
  /** Aborts at the end of the publication. */
  readonly #over = new AbortController();
  #timeline: { startedAt: number; has: { audio: boolean; video: boolean } } | undefined;
  /** Nothing of this timeline was encoded: the encoder joins at its start. */
  #fresh = false;
  /** Position up to which a timeline has been encoded, ms. */
  #covered: number | undefined;
  #base = 0;
  /** Current run; undefined while the next one is prepared. */
  #run: LadderRun | undefined;
  #encoder: Encoder | undefined;
  /** Input of the encoder, once it has joined. */
  #input: FlvInput | undefined;
  /** Ends the wait of a run without an encoder. */
  #resolveRun: ((end: EncoderEnd) => void) | undefined;
  #wake: (() => void) | undefined;

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
    this.#hold = new PublisherHold(broadcast, source);
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
    this.#endRun(REPLACE_FLUSH_MS);
    this.#covered = undefined;
    this.#base = 0;
  }

  write(tag: FlvTag): void {
    if (this.#over.signal.aborted || tag.kind === 'script' || tag.body.length > MAXIMUM_BODY_BYTES) return;
    const known = tag.header && this.#gop.knows(tag);
    this.#gop.push(tag);
    if (tag.kind === 'video' && !tag.header) this.#keyframes.picture(tag.timestamp, tag.keyframe);
    if (this.#run && !this.#mustReplace(tag) && !known) {
      this.#input?.write(tag);
      this.#copy(this.#run, tag);
    }
    if (this.#wake && this.#ready()) this.#wake();
  }

  end(reason: PublicationEnd): void {
    this.finish(reason === 'replaced' ? 0 : FLUSH_MS);
  }

  /** Tags since the last keyframe. */
  get gop(): GopBuffer {
    return this.#gop;
  }

  /** Ends the input; the remaining output is written within `ms`. */
  finish(ms: number): void {
    this.#over.abort();
    this.#wake?.();
    this.#endRun(ms);
  }

  /** Kills the encoder. */
  stop(): void {
    this.finish(0);
  }

  async #supervise(): Promise<void> {
    let kept = await this.#keepEncoding();
    // Copied renditions go on without the encoder.
    if (!kept && this.#run?.copiesVideo && !this.#over.signal.aborted) {
      this.#shedding.giveUp(this.#run.ladder);
      this.#run.endRenditions(this.#shedding.ids);
      kept = await this.#keepEncoding();
    }
    this.#over.abort();
    this.#run?.close();
    if (!kept) this.#broadcast.fail('transcoder-failed');
  }

  #keepEncoding(): Promise<boolean> {
    return keepRunning({
      name: 'encoder',
      untilReady: () => this.#untilReady(),
      run: async () => {
        const end = await this.#encode();
        this.#hold.set(false);
        return end;
      },
      onFailure: (end) => {
        const { settings } = this.#memory.encoder;
        recordFailure(end, this.#broadcast, this.#memory, this.#log);
        // Another encoder makes other initialization sections.
        if (this.#memory.encoder.settings !== settings) this.#endRun(0);
      },
      over: this.#over.signal,
      clock: this.#clock,
      log: this.#log,
    });
  }

  /** Waits until a run can start or an encoder can join it, or for the end of the publication. */
  #untilReady(): Promise<void> {
    if (this.#over.signal.aborted || this.#ready()) return Promise.resolve();
    return new Promise((resolve) => {
      this.#wake = () => {
        this.#wake = undefined;
        resolve();
      };
    });
  }

  /** Whether a run should start, or an encoder join, now. */
  #ready(): boolean {
    const { age, span, seen, videoHeader } = this.#gop;
    if (!this.#timeline || age === undefined) return false;
    const { video } = this.source.info;
    if (this.#fresh && span < PATIENCE_MS) {
      const sized = !seen.video || (video?.width !== undefined && video.height !== undefined);
      const heard = seen.audio || !this.#timeline.has.audio;
      if (!sized || !heard || (seen.video && !videoHeader)) return false;
    }
    return true;
  }

  /** Encodes within the current run, or in a new one; without anything to encode, waits for the end of the run. */
  async #encode(): Promise<EncoderEnd> {
    const isNew = this.#run === undefined;
    let run: LadderRun;
    try {
      run = this.#run ?? (await this.#openRun());
    } catch (error) {
      return endWithoutEncoder('failed', messageOf(error));
    }
    if (this.#run !== run) {
      // The timeline has changed, or the publication has ended, meanwhile.
      run.close();
      return endWithoutEncoder('stopped', 'the run was not needed');
    }
    const ladder = encodedPart(run.ladder, this.#shedding.ids);
    const end =
      ladder.video.length > 0 || ladder.audio
        ? await this.#runEncoder(run, ladder, isNew)
        : await this.#withoutEncoder(run, isNew);
    if (run.isRefused && this.#run === run) this.#run = undefined;
    if (this.#run !== run) run.close();
    return end;
  }

  async #openRun(): Promise<LadderRun> {
    const timeline = this.#timeline;
    const startedAt = timeline?.startedAt ?? this.#clock.now();
    const ladder = chooseFlvLadder(this.source.info, this.#gop, {
      ...{ rungs: this.#settings.ladder, audioBitrateBps: this.#settings.audioBitrateBps },
      ...{ encodeSource: this.#memory.encodeSource, shed: this.#shedding.ids },
    });
    this.#rebase();
    const offset = TIMELINE_START_MS - this.#base;
    const { videoHeader, audioHeader } = this.#gop;
    const writer = await this.#broadcast.openRun({
      renditions: renditionsOf(ladder),
      originMs: startedAt - offset,
    });
    this.#log.info({ run: writer.index, ...describedLadder(ladder) }, 'encoder run opened');
    const frameRate = this.source.info.video?.frameRate;
    const run = new LadderRun(writer, { ladder, videoHeader, audioHeader, frameRate, offset });
    if (this.#timeline === timeline && !this.#over.signal.aborted) this.#run = run;
    return run;
  }

  async #runEncoder(run: LadderRun, ladder: Ladder, isNew: boolean): Promise<EncoderEnd> {
    const timeline = this.#timeline;
    const input = new FlvInput({
      has: { audio: ladder.audio !== undefined, video: ladder.video.length > 0 },
      offset: run.offset,
      onFull: () => this.#relieve(),
      clock: this.#clock,
    });
    const encoder = new Encoder({
      ladder,
      input,
      ffmpeg: this.#settings.ffmpeg,
      encoder: this.#memory.encoder.settings,
      segmentDurationS: this.#settings.segmentDurationS,
      maxPixels: this.#settings.maxPixels,
      listener: this.#settings.listener,
      // A new run repeats the last group of pictures in all renditions if it copies the video.
      from: isNew && run.copiesVideo ? undefined : this.#skipTo(ladder, run.offset),
      clock: this.#clock,
    });
    this.#encoder = encoder;
    this.#log.info({ run: run.index, pid: encoder.pid, ...describedLadder(ladder) }, 'encoder started');
    if (encoder.deliver(run.output(ladder))) {
      input.begin(this.#gop, run.frameRate);
      this.#input = input;
    }
    this.#shedding.forget();
    this.#joined(run, isNew);
    const end = await encoder.closed;
    const at = encoder.front;
    if (at !== undefined && this.#timeline === timeline) this.#cover(at - run.offset);
    this.#encoder = undefined;
    this.#input = undefined;
    return end;
  }

  #withoutEncoder(run: LadderRun, isNew: boolean): Promise<EncoderEnd> {
    return new Promise((resolve) => {
      this.#resolveRun = (end) => {
        this.#resolveRun = undefined;
        resolve(end);
      };
      this.#joined(run, isNew);
    });
  }

  /** Writes the tags since the keyframe to the copied renditions of a new run. */
  #joined(run: LadderRun, isNew: boolean): void {
    this.#fresh = false;
    if (!isNew) return;
    const from = run.copiesVideo ? undefined : this.#covered;
    for (const tag of this.#gop.tags)
      if (this.#run === run && tag.timestamp >= (from ?? tag.timestamp)) this.#copy(run, tag);
  }

  /** Writes a tag to the copied renditions of the current run, or ends the run if they cannot be packaged. */
  #copy(run: LadderRun, tag: FlvTag): void {
    try {
      run.write(tag);
    } catch (error) {
      const message = messageOf(error);
      this.#run = undefined;
      if (this.#encoder) this.#encoder.fail(message);
      else this.#resolveRun?.(endWithoutEncoder('failed', message));
    }
  }

  /** Keeps the next run's FLV timestamps within 31 bits. */
  #rebase(): void {
    const first = this.#gop.tags[0]?.timestamp ?? 0;
    if (first - this.#base + TIMELINE_START_MS > MAXIMUM_TIMESTAMP_MS / 2) this.#base = first;
  }

  #cover(timestamp: number): void {
    this.#covered = Math.max(this.#covered ?? 0, timestamp);
  }

  /** Media time (ms) before which the output repeats what a previous encoder delivered. */
  #skipTo(ladder: Ladder, offset: number): number | undefined {
    const first = this.#gop.tags[0]?.timestamp;
    if (this.#covered === undefined || first === undefined || ladder.video.length === 0) return undefined;
    return this.#covered > first ? this.#covered + offset : undefined;
  }

  /**
   * Starts a new run when the tag shows that the ladder does not fit. @returns true when the new run will contain the
   * tag
   */
  #mustReplace(tag: FlvTag): boolean {
    const ladder = this.#run?.ladder;
    const fault = this.#keyframes.fault;
    if (!ladder) return false;
    if (fault && !this.#memory.encodeSource && ladder.keyframes === 'source') {
      this.#memory.encodeSource = true;
      this.#broadcast.notice('keyframes', keyframeNotice(fault));
      this.#log.warn({ fault }, 'the source cannot be passed through');
      this.#endRun(tag.keyframe ? REPLACE_FLUSH_MS : 0);
      return true;
    }
    const appeared = tag.kind === 'video' ? ladder.video.length === 0 : !ladder.audio;
    const overflows =
      (tag.keyframe || ladder.video.length === 0) && tag.timestamp - this.#base > MAXIMUM_TIMESTAMP_MS;
    if (!overflows && (!appeared || this.#gop.age === undefined)) return false;
    this.#log.info(overflows ? 'the timeline is long: a new run' : `the source now has ${tag.kind}`);
    this.#endRun(REPLACE_FLUSH_MS);
    return true;
  }

  /** Ends the current run: writes nothing more to it and ends its encoder. The next run starts when it is closed. */
  #endRun(flushMs: number): void {
    const run = this.#run;
    this.#run = undefined;
    run?.endCopies();
    if (run?.copiesVideo) this.#cover(this.#gop.newest);
    this.#input = undefined;
    if (this.#encoder && flushMs > 0) this.#encoder.end(flushMs);
    else if (this.#encoder) this.#encoder.stop();
    else if (this.#resolveRun) this.#resolveRun(endWithoutEncoder('stopped', 'the run has ended'));
    else run?.close();
  }

  #endShed(run: LadderRun, encoder: Encoder): void {
    run.endRenditions(this.#shedding.ids);
    encoder.stop();
  }

  /** The publisher sends faster than real time. */
  get #isAhead(): boolean {
    const elapsedMs = this.#clock.now() - (this.#timeline?.startedAt ?? 0);
    return this.#gop.newest - elapsedMs > AHEAD_MS;
  }

  #check(): void {
    const encoder = this.#encoder;
    const run = this.#run;
    if (!encoder || !run || !this.#input) return;
    if (this.#input.isHanging) encoder.fail('no output for several seconds');
    else if (this.#shedding.measure(encoder, run.ladder)) this.#endShed(run, encoder);
    else this.#relieve();
  }

  /**
   * Slows the publisher down while the encoder's backlog is full. Copied renditions are not delayed for it beyond real
   * time: the encoder then joins anew, and the second time with fewer renditions.
   */
  #relieve(): void {
    const encoder = this.#encoder;
    const run = this.#run;
    const input = this.#input;
    const mayHold = !run?.copiesVideo || this.#isAhead;
    this.#hold.set(mayHold && input?.isFull === true);
    if (!encoder || !run || !input?.isFull || mayHold) return;
    if (!encoder.delivered && input.backlogBytes < MAXIMUM_START_BYTES) return;
    if (this.#shedding.overflowed(run.ladder)) this.#endShed(run, encoder);
    else encoder.fail('the encoder lags too far behind');
  }
}
