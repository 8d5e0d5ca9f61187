import type { FlvTag } from '../../media/index.js';
import { type Clock, type Logger, messageOf } from '../../platform/index.js';
import type { Broadcast, PublicationEnd, Source, SourceReader } from '../../streams/index.js';
import { recordFailure } from '../ffmpeg/failure.js';
import { keepRunning } from '../ffmpeg/supervision.js';
import type { FlvInput } from '../inputs/flv-input.js';
import type { GopBuffer } from '../inputs/gop-buffer.js';
import { encodeSource } from '../inputs/keyframe-watch.js';
import { PictureSlate } from '../slate/picture-slate.js';
import { type RenderSlate, type ShownLadder, shownLadder } from '../slate/slate-plan.js';
import type { BroadcastMemory, TranscodeSettings } from '../transcode-settings.js';
import { type Encoder, type EncoderEnd, endWithoutEncoder } from './encoder.js';
import { startFlvEncoder } from './flv-encoder.js';
import { describedLadder, type Ladder } from './ladder.js';
import { encodedPart, isNeeded, type LadderRun, withoutShed } from './ladder-run.js';
import { openLadderRun } from './open-ladder-run.js';
import { PublisherHold } from './publisher-hold.js';
import { Shedding } from './shedding.js';
import { SourceTimeline } from './source-timeline.js';
import { TimelineCoverage } from './timeline-coverage.js';

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
  readonly #timeline = new SourceTimeline();
  readonly #shedding: Shedding;
  readonly #hold: PublisherHold;
  readonly #pictureSlate: PictureSlate | undefined;
  /** Aborts at the end of the publication. */
  readonly #over = new AbortController();
  readonly #coverage = new TimelineCoverage();
  /** Current run; undefined while the next one is prepared. */
  #run: LadderRun | undefined;
  #encoder: Encoder | undefined;
  #newest: Ladder | undefined;
  /** Input of the encoder, once it has joined. */
  #input: FlvInput | undefined;
  /** Ends the wait of a run without an encoder. */
  #resolveRun: ((end: EncoderEnd) => void) | undefined;
  /** The run has no encoder because no viewer needs one. */
  #isSuspended = false;
  #wake: (() => void) | undefined;

  /** @param before resolves when the previous publication's encoder has ended */
  constructor(
    broadcast: Broadcast,
    source: Source,
    settings: TranscodeSettings,
    memory: BroadcastMemory,
    before: Promise<void>,
    log: Logger,
    renderSlate?: RenderSlate,
  ) {
    this.#broadcast = broadcast;
    this.source = source;
    this.#settings = settings;
    this.#memory = memory;
    this.#clock = settings.clock;
    this.#log = log;
    this.#shedding = new Shedding(broadcast, settings.clock, log);
    this.#hold = new PublisherHold(broadcast, source);
    if (renderSlate)
      this.#pictureSlate = new PictureSlate({
        ...{ timeline: this.#timeline, demand: broadcast.hlsDemand },
        mayShow: () => !this.#hold.active && (this.#run?.maySlateReplace(this.gop.audioHeader) ?? false),
        render: async (signal) => this.shown && (await renderSlate(this.shown, signal)),
        paused: () => this.#pictureHasPaused(),
        advance: (untilMs) => this.#write(() => this.#run?.advanceSlate(untilMs)),
        ...{ clock: settings.clock, signal: this.#over.signal, log },
      });
    this.gone = before
      .then(() => this.#supervise())
      .catch((error: unknown) => {
        this.#log.error({ err: error }, 'supervision failed');
        this.stop();
        this.#broadcast.fail('transcoder-failed');
      });
    settings.clock.every(CHECK_INTERVAL_MS, () => this.#check(), this.#over.signal);
    broadcast.hlsDemand.onRequest(() => {
      if (this.#isSuspended) this.#resolveRun?.(endWithoutEncoder('stopped', 'a viewer has come'));
    }, this.#over.signal);
  }

  restart(startedAt: number, has: { audio: boolean; video: boolean }): void {
    this.#timeline.restart(startedAt, has);
    this.#pictureSlate?.end();
    this.#endRun(REPLACE_FLUSH_MS);
    this.#coverage.reset();
  }

  write(tag: FlvTag): void {
    if (this.#over.signal.aborted || tag.kind === 'script' || tag.body.length > MAXIMUM_BODY_BYTES) return;
    const known = this.#timeline.push(tag);
    if (this.#run && !this.#mustReplace(tag) && !known) {
      this.#input?.write(tag);
      this.#copy(this.#run, tag);
    }
    if (this.#wake && this.#timeline.isReady(this.source.info)) this.#wake();
    if (this.gop.isScarce && this.#isSuspended) this.#resolveRun?.(endWithoutEncoder('stopped', 'scarce'));
  }

  end(reason: PublicationEnd): void {
    this.finish(reason === 'replaced' ? 0 : FLUSH_MS);
  }

  /** Tags since the last keyframe. */
  get gop(): GopBuffer {
    return this.#timeline.gop;
  }

  /** Renditions of the newest run. */
  get shown(): ShownLadder | undefined {
    if (!this.#newest) return undefined;
    const ladder = withoutShed(this.#newest, this.#shedding.ids);
    return shownLadder(ladder, this.source.info, this.#timeline.newestMs);
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
    if (this.#over.signal.aborted || this.#timeline.isReady(this.source.info)) return Promise.resolve();
    return new Promise((resolve) => {
      this.#wake = () => {
        this.#wake = undefined;
        resolve();
      };
    });
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
    const isEncoded = ladder.video.length > 0 || ladder.audio !== undefined;
    const end =
      isEncoded && isNeeded(ladder, this.#broadcast, this.#idleMs)
        ? await this.#runEncoder(run, ladder, isNew)
        : await this.#withoutEncoder(run, ladder, isNew);
    // Without copied video the media of the next encoder are far from those of the last one.
    const isOver = run.isRefused || (this.#isSuspended && !run.copiesVideo);
    if (isOver && this.#run === run) this.#run = undefined;
    if (this.#run !== run) run.close();
    return end;
  }

  async #openRun(): Promise<LadderRun> {
    const { begun } = this.#timeline;
    const slate = this.#pictureSlate?.shown;
    const run = await openLadderRun({
      ...{ broadcast: this.#broadcast, source: this.source, timeline: this.#timeline, slate },
      ...{ coverage: this.#coverage, settings: this.#settings, memory: this.#memory, log: this.#log },
      shed: this.#shedding.ids,
    });
    if (this.#timeline.begun === begun && !this.#over.signal.aborted) this.#run = run;
    if (!slate) this.#newest = run.ladder;
    return run;
  }

  async #runEncoder(run: LadderRun, ladder: Ladder, isNew: boolean): Promise<EncoderEnd> {
    const { begun } = this.#timeline;
    // A new run repeats the last group of pictures in all renditions if it copies the video.
    const repeatsGop = isNew && run.copiesVideo;
    // One group of pictures more gives a whole segment soon, which players need.
    const gop = this.#isSuspended && !repeatsGop ? this.gop.withPrevious() : this.gop;
    this.#isSuspended = false;
    const isWhole = repeatsGop || ladder.video.length === 0;
    const { encoder, input } = startFlvEncoder({
      ...{ ladder, offset: run.offset, settings: this.#settings, encoder: this.#memory.encoder.settings },
      info: this.source.info,
      from: isWhole ? undefined : run.encodedBefore(ladder, gop.tags[0]?.timestamp, this.#coverage),
      onFull: () => this.#relieve(),
    });
    this.#encoder = encoder;
    this.#log.info({ run: run.index, pid: encoder.pid, ...describedLadder(ladder) }, 'encoder started');
    if (encoder.deliver(run.output(ladder))) {
      input.begin(gop, run.frameRate);
      this.#input = input;
    }
    this.#shedding.forget();
    this.#joined(run, isNew);
    const end = await encoder.closed;
    run.encodedUntil(encoder.ends);
    if (this.#timeline.begun === begun) this.#coverage.cover(run.encodedMs);
    this.#encoder = undefined;
    this.#input = undefined;
    return end;
  }

  /** A source whose keyframes are rare is encoded without viewers, too: the encoder could not join when one comes. */
  get #idleMs(): number | undefined {
    return this.gop.isScarce ? undefined : this.#settings.ladderIdleMs;
  }

  /** Waits for the end of the run, or for a viewer if the run has something to encode. */
  #withoutEncoder(run: LadderRun, ladder: Ladder, isNew: boolean): Promise<EncoderEnd> {
    this.#isSuspended = ladder.video.length > 0 || ladder.audio !== undefined;
    if (this.#isSuspended) {
      if (isNew) this.#coverage.forget();
      run.suspend(ladder);
      this.#log.info({ run: run.index, ...describedLadder(ladder) }, 'renditions suspended: no HLS viewer');
    }
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
    this.#timeline.isFresh = false;
    if (!isNew) return;
    const from = run.copiesVideo ? undefined : this.#coverage.covered;
    for (const tag of this.gop.tags)
      if (this.#run === run && tag.timestamp >= (from ?? tag.timestamp)) this.#copy(run, tag);
  }

  /** Writes a tag to the copied renditions of the current run, or ends the run if they cannot be packaged. */
  #copy(run: LadderRun, tag: FlvTag): void {
    this.#write(() => run.write(tag));
  }

  #write(write: () => void): void {
    try {
      write();
    } catch (error) {
      const message = messageOf(error);
      this.#run = undefined;
      if (this.#encoder) this.#encoder.fail(message);
      else this.#resolveRun?.(endWithoutEncoder('failed', message));
    }
  }

  /**
   * Starts a new run when the tag shows that the ladder does not fit. @returns true when the new run will contain the
   * tag
   */
  #mustReplace(tag: FlvTag): boolean {
    const ladder = this.#run?.ladder;
    if (!ladder) return false;
    const { fault } = this.#timeline.keyframes;
    const isUnsteady = fault && this.#newest?.keyframes === 'source' && !this.#memory.encodeSource;
    if (isUnsteady) encodeSource(fault, this.#memory, this.#broadcast, this.#log);
    if (this.#run?.isSlate) return this.#endsSlate(this.#run, tag);
    if (isUnsteady) {
      this.#endRun(tag.keyframe ? REPLACE_FLUSH_MS : 0);
      return true;
    }
    const appeared = tag.kind === 'video' ? ladder.video.length === 0 : !ladder.audio;
    const mayEnd = tag.keyframe || tag.recoveryPoint !== undefined || ladder.video.length === 0;
    const overflows = mayEnd && this.#coverage.overflows(tag.timestamp);
    if (!overflows && (!appeared || this.gop.age === undefined)) return false;
    this.#log.info(overflows ? 'the timeline is long: a new run' : `the source now has ${tag.kind}`);
    this.#endRun(REPLACE_FLUSH_MS);
    return true;
  }

  /** Ends a slate at the keyframe with which the picture returns. @returns true when the next run will contain the tag */
  #endsSlate(run: LadderRun, tag: FlvTag): boolean {
    if (!run.mayEndSlate(tag, this.#memory.encodeSource)) return false;
    this.#write(() => run.finishSlate(tag));
    this.#log.info('the picture has returned');
    this.#pictureSlate?.end();
    this.#endRun(REPLACE_FLUSH_MS);
    return true;
  }

  /** Ends the current run at the end of its video; the next one shows the slate. */
  #pictureHasPaused(): void {
    if (this.#run) this.#run.endsAtVideo = true;
    this.#timeline.keyframes.reset();
    this.#endRun(REPLACE_FLUSH_MS);
  }

  /** Ends the current run: writes nothing more to it and ends its encoder. The next run starts when it is closed. */
  #endRun(flushMs: number): void {
    const run = this.#run;
    this.#run = undefined;
    run?.endCopies();
    if (run?.copiesVideo) this.#coverage.cover(this.gop.newest);
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

  #check(): void {
    const encoder = this.#encoder;
    const run = this.#run;
    if (!encoder || !run || !this.#input) return;
    if (!isNeeded(encoder.ladder, this.#broadcast, this.#idleMs)) {
      if (run.copiesVideo) encoder.stop();
      else this.#endRun(0);
    } else if (this.#input.isHanging) encoder.fail('no output for several seconds');
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
    const mayHold = !run?.copiesVideo || this.#timeline.newestMs - this.#clock.now() > AHEAD_MS;
    this.#hold.set(mayHold && this.#input?.isFull === true);
    if (!encoder || !run || !this.#input?.isFull || mayHold) return;
    if (!encoder.delivered && this.#input.backlogBytes < MAXIMUM_START_BYTES) return;
    if (this.#shedding.overflowed(run.ladder)) this.#endShed(run, encoder);
    else encoder.fail('the encoder lags too far behind');
  }
}
