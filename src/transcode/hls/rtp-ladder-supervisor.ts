import { type Clock, type Logger, messageOf, sleep } from '../../platform/index.js';
import type {
  Broadcast,
  EncoderRunWriter,
  PublicationEnd,
  RtpSource,
  Source,
  SourceReader,
} from '../../streams/index.js';
import { recordFailure } from '../ffmpeg/failure.js';
import { TIMELINE_START_MS } from '../ffmpeg/ffmpeg-arguments.js';
import { keepRunning } from '../ffmpeg/supervision.js';
import type { LiveInput } from '../inputs/encoder-input.js';
import { openLiveInput } from '../inputs/live-input.js';
import { isRtpVideoCodec } from '../inputs/rtp-session.js';
import { type ShownLadder, shownLadder } from '../slate/slate-plan.js';
import type { BroadcastMemory, TranscodeSettings } from '../transcode-settings.js';
import { Encoder, type EncoderEnd, endWithoutEncoder } from './encoder.js';
import { openRun } from './encoder-run.js';
import { chooseLadder, describedLadder, type Ladder, renditionsOf } from './ladder.js';
import { isNeeded } from './ladder-run.js';
import { DEFAULT_VIDEO_FORMAT, type RtpVideoFormat, RtpVideoFormatChoice } from './rtp-video-size.js';
import { Shedding } from './shedding.js';

const CHECK_INTERVAL_MS = 500;
/** Interval of checking what is known of the source, ms. */
const READY_INTERVAL_MS = 25;
/** Maximum wait for an unknown frame size, ms. */
const PATIENCE_MS = 500;
/** Time for remaining output after the publication has ended, ms. */
const FLUSH_MS = 2_000;
/** The same before the next run, ms. */
const REPLACE_FLUSH_MS = 250;
/** Pause of output (a still screen) after which load is not measured, ms. */
const PAUSE_MS = 1_200;
/** Delay after too many failures, ms; WebRTC continues without the ladder. */
const RETRY_MS = 60_000;

type Timeline = { has: { audio: boolean; video: boolean }; since: number };
type Run = { encoder: Encoder; input: LiveInput; leaving: boolean };

/**
 * Supervises the encoder of a publication whose media are in the SFU. Everything is encoded, as senders change their
 * frame size and keyframes. Failures never end the publication: WebRTC viewers can watch it.
 */
export class RtpLadderSupervisor implements SourceReader {
  /** Resolves when no child process is left and the last run is closed. */
  readonly gone: Promise<void>;
  readonly #broadcast: Broadcast;
  readonly #source: Source;
  readonly #rtp: RtpSource;
  readonly #settings: TranscodeSettings;
  readonly #memory: BroadcastMemory;
  readonly #log: Logger;
  readonly #clock: Clock;
  readonly #shedding: Shedding;
  readonly #over = new AbortController();
  #timeline: Timeline | undefined;
  readonly #format = new RtpVideoFormatChoice();
  #run: Run | undefined;
  /** Ends the wait without an encoder. */
  #resume: ((reason: string) => void) | undefined;
  #newest: Ladder | undefined;
  #refused: string | undefined;

  /** @param before resolves when the previous publication's encoder has ended */
  constructor(
    broadcast: Broadcast,
    source: Source,
    rtp: RtpSource,
    settings: TranscodeSettings,
    memory: BroadcastMemory,
    before: Promise<void>,
    log: Logger,
  ) {
    this.#broadcast = broadcast;
    this.#source = source;
    this.#rtp = rtp;
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
      });
    settings.clock.every(CHECK_INTERVAL_MS, () => this.#check(), this.#over.signal);
    broadcast.hlsDemand.onRequest(() => this.#resume?.('a viewer has come'), this.#over.signal);
  }

  restart(_startedAt: number, has: { audio: boolean; video: boolean }): void {
    this.#timeline = { has, since: this.#clock.monotonic() };
    this.#replace();
  }

  /** No tags: the media stay in the SFU. */
  write(): void {}

  end(reason: PublicationEnd): void {
    if (reason === 'replaced') this.stop();
    else this.finish(FLUSH_MS);
  }

  /** Ends the input; the remaining output is written within `ms`. */
  finish(ms: number): void {
    this.#over.abort();
    this.#resume?.('the publication has ended');
    const { encoder } = this.#run ?? {};
    if (encoder?.delivered) encoder.end(ms);
    else encoder?.stop();
  }

  /** Renditions of the newest run. */
  get shown(): ShownLadder | undefined {
    if (!this.#newest) return undefined;
    return shownLadder(this.#newest, this.#source.info, this.#clock.now());
  }

  /** Kills the encoder. */
  stop(): void {
    this.#over.abort();
    this.#resume?.('the publication has ended');
    this.#run?.encoder.stop();
  }

  async #supervise(): Promise<void> {
    await keepRunning<EncoderEnd>({
      name: 'encoder',
      untilReady: () => this.#untilReady(),
      run: () => this.#encode(),
      onFailure: (end) => recordFailure(end, this.#broadcast, this.#memory, this.#log),
      patienceMs: RETRY_MS,
      over: this.#over.signal,
      clock: this.#clock,
      log: this.#log,
    });
    this.#over.abort();
  }

  /** Waits for media and enough knowledge of them. */
  async #untilReady(): Promise<void> {
    while (!this.#over.signal.aborted && !this.#ready())
      await sleep(this.#clock, READY_INTERVAL_MS, this.#over.signal);
  }

  #ready(): boolean {
    const { video } = this.#source.info;
    const timeline = this.#timeline;
    if (!timeline || !(timeline.has.video || timeline.has.audio)) return false;
    if (!timeline.has.video) return this.#accept(undefined);
    if (!video) return false;
    const known = video.width !== undefined && video.height !== undefined;
    if (!known && this.#clock.monotonic() - timeline.since < PATIENCE_MS) return false;
    return this.#accept(video.codec);
  }

  /** Notifies the broadcaster once when the codec becomes unreadable or readable. */
  #accept(codec: string | undefined): boolean {
    const readable = codec === undefined || this.#readable(codec);
    const refused = readable ? undefined : codec;
    if (refused === this.#refused) return readable;
    this.#refused = refused;
    if (refused === undefined) this.#broadcast.notice('hls', undefined);
    else {
      const name = refused.toUpperCase();
      this.#log.warn({ codec: refused }, 'this ffmpeg cannot read the codec: no HLS');
      this.#broadcast.notice(
        'hls',
        `The server's ffmpeg cannot read ${name}: there is no HLS, only WebRTC. Publish H.264, VP8 or VP9, or install an ffmpeg that decodes it (with libdav1d).`,
      );
      // Without HLS only the SFU has media: no other subscriber reports the broadcast as playable.
      this.#broadcast.playable();
    }
    return readable;
  }

  #readable(codec: string): boolean {
    return this.#settings.rtpCodecs.some((readable) => readable === codec);
  }

  async #encode(): Promise<EncoderEnd> {
    const timeline = this.#timeline;
    const { video } = this.#source.info;
    const codec = timeline?.has.video && video && isRtpVideoCodec(video.codec) ? video.codec : undefined;
    // A publication whose video has stopped keeps its video renditions: players cannot drop one kind for a while.
    const blank = codec ? undefined : this.#format.made;
    const picture = codec ? this.#format.choose(video) : blank;
    const ladder = this.#chooseLadder(picture, timeline?.has.audio ?? false);
    if (!this.#isNeeded(ladder)) return this.#suspend(ladder);
    const request = {
      source: this.#rtp,
      has: { ...(codec ? { video: codec } : {}), audio: ladder.audio !== undefined },
      frameRate: (picture ?? DEFAULT_VIDEO_FORMAT).frameRate,
      ...(blank ? { blank } : {}),
    };
    let input: LiveInput;
    try {
      input = await openLiveInput(request, this.#settings);
    } catch (error) {
      return endWithoutEncoder('failed', messageOf(error));
    }
    const { ffmpeg, listener, segmentDurationS, maxPixels } = this.#settings;
    let begun = this.#clock.now();
    let opening: Promise<void> | undefined;
    const encoder: Encoder = new Encoder({
      ...{ ladder, input, ffmpeg, listener, segmentDurationS, maxPixels, clock: this.#clock },
      encoder: this.#memory.encoder.settings,
      onEarly: () => {
        opening = this.#openRun(encoder, begun);
      },
    });
    this.#run = { encoder, input, leaving: false };
    this.#shedding.forget();
    if (this.#over.signal.aborted || this.#timeline !== timeline) encoder.stop();
    input.startSource().then(
      (at) => {
        if (at !== undefined) begun = at;
      },
      (error: unknown) => encoder.fail(messageOf(error)),
    );
    const end = await encoder.closed;
    await opening;
    this.#run = undefined;
    return end;
  }

  /** Whether viewers need the renditions. */
  #isNeeded(ladder: Ladder): boolean {
    return isNeeded(ladder, this.#broadcast, this.#settings.ladderIdleMs);
  }

  /** Opens a run whose renditions are all suspended, and waits for a viewer or another ladder. */
  async #suspend(ladder: Ladder): Promise<EncoderEnd> {
    const timeline = this.#timeline;
    const renditions = renditionsOf(ladder);
    const originMs = this.#clock.now() - TIMELINE_START_MS;
    let writer: EncoderRunWriter;
    try {
      writer = await this.#broadcast.openRun({ renditions, originMs });
    } catch (error) {
      return endWithoutEncoder('failed', messageOf(error));
    }
    for (const { id } of renditions) writer.renditionSuspended(id);
    const run = { run: writer.index, ...describedLadder(ladder) };
    this.#log.info(run, 'renditions suspended: no HLS viewer');
    let reason = 'the run was not needed';
    if (this.#timeline === timeline && !this.#over.signal.aborted && !this.#isNeeded(ladder))
      reason = await new Promise<string>((resolve) => {
        this.#resume = resolve;
      });
    this.#resume = undefined;
    writer.close();
    return endWithoutEncoder('stopped', reason);
  }

  /** Opens a run at the first output. */
  async #openRun(encoder: Encoder, begun: number): Promise<void> {
    try {
      const writer = await openRun(this.#broadcast, encoder, begun - TIMELINE_START_MS, this.#log);
      this.#newest = encoder.ladder;
      encoder.deliver(writer);
    } catch (error) {
      encoder.fail(messageOf(error));
    }
  }

  #chooseLadder(picture: RtpVideoFormat | undefined, sound: boolean): Ladder {
    const { audio } = this.#source.info;
    return chooseLadder({
      video: picture && { codec: 'h264', ...picture },
      ...(picture ? { best: `${picture.lines}p` } : {}),
      audio: sound ? (audio ?? { codec: 'opus' }) : undefined,
      rungs: this.#settings.ladder,
      ownRungs: this.#broadcast.ladder,
      audioBitrateBps: this.#settings.audioBitrateBps,
      passthrough: false,
      shed: this.#shedding.ids,
    });
  }

  #check(): void {
    if (this.#resume && this.#isOtherSize()) this.#resume('the source has another size');
    if (!this.#run || this.#run.leaving) return;
    const { encoder, input } = this.#run;
    if (input.stalled) {
      this.#log.info({ pid: encoder.pid }, 'nothing comes out: a new encoder waits for the source');
      encoder.stop();
    } else if (!this.#isNeeded(encoder.ladder)) encoder.stop();
    else if (encoder.delivered && this.#isOtherSize()) this.#replace();
    else if (input.quiet > PAUSE_MS) this.#shedding.forget();
    else if (this.#shedding.measure(encoder, encoder.ladder)) this.#replace();
  }

  #isOtherSize(): boolean {
    if (!this.#timeline) return false;
    const age = this.#clock.monotonic() - this.#timeline.since;
    const size = this.#format.compare(this.#source.info.video, age);
    if (size) this.#log.info({ size }, 'the source has another size: a ladder that fits');
    return size !== undefined;
  }

  /** Ends the current run; the next one starts when it is closed. */
  #replace(): void {
    this.#resume?.('the media have changed');
    if (!this.#run) return;
    const { encoder } = this.#run;
    this.#run.leaving = true;
    if (encoder.delivered) encoder.end(REPLACE_FLUSH_MS);
    else encoder.stop();
  }
}
