import type { FlvTag } from '../../media/index.js';
import { type Clock, type Logger, sleep } from '../../platform/index.js';
import type {
  PublicationEnd,
  Source,
  WebrtcRendition,
  WebrtcRenditionDestination,
} from '../../streams/index.js';
import { TIMELINE_START_MS } from '../ffmpeg/ffmpeg-arguments.js';
import { type FfmpegProcess, startFfmpeg } from '../ffmpeg/ffmpeg-process.js';
import { keepRunning } from '../ffmpeg/supervision.js';
import type { ProcessEnd } from '../hls/encoder.js';
import { KEYFRAME_INTERVAL } from '../hls/ladder.js';
import type { GopBuffer } from '../inputs/gop-buffer.js';
import { KeyframeWatch } from '../inputs/keyframe-watch.js';
import type { BroadcastMemory, TranscodeSettings } from '../transcode-settings.js';
import { isPlainAvc } from './avc-profile.js';
import { WebrtcFlvPipe } from './webrtc-flv-pipe.js';
import { REALTIME_LINES, webrtcRenditionPlan } from './webrtc-rendition-plan.js';

const LOOK_EVERY_MS = 500;
/** Whether pictures are reordered is told after the first few: so long it is waited for, ms of media. */
const PATIENCE_MS = 500;
/** What was decoded only for the sake of what follows it ends this long before the newest tag, ms. */
const LEAD_MS = 100;
/** FLV timestamps have 31 bits: when a timeline comes near, a run begins with a smaller number. */
const LARGEST_TIMESTAMP = 0x7fff_ffff - 60_000;
/** How long ffmpeg may put out the rest when the publication is over, ms. */
const FLUSH_MS = 500;
/** An encoder that falls behind as often within the time makes a smaller picture from then on. */
const TOO_SLOW = { times: 3, ms: 30_000 } as const;
/** No picture is smaller, lines. */
const LEAST_LINES = 240;
const SMALLER = 2 / 3;

type Run = { process: FfmpegProcess; feed: WebrtcFlvPipe; stopped: boolean; fault: string | undefined };

/**
 * Sends a publication's media as RTP as soon as they arrive: H.264 without B-frames as it is, everything else encoded,
 * sound as Opus. It never holds the publisher back: what it is too slow for it leaves out.
 */
export class WebrtcTranscoding implements WebrtcRendition {
  readonly closed: Promise<void>;
  readonly #source: Source;
  readonly #destination: WebrtcRenditionDestination;
  readonly #settings: TranscodeSettings;
  readonly #memory: BroadcastMemory;
  readonly #gop: GopBuffer;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #keyframes = new KeyframeWatch();
  readonly #over = new AbortController();
  #timeline: { startedAt: number; has: { audio: boolean; video: boolean } } | undefined;
  #run: Run | undefined;
  #wake: (() => void) | undefined;
  #passthrough = false;
  #base = 0;
  #lines = REALTIME_LINES;
  #falls: number[] = [];

  /** @param gop what has come since the last keyframe; it is kept up to date here from now on. */
  constructor(
    source: Source,
    destination: WebrtcRenditionDestination,
    settings: TranscodeSettings,
    memory: BroadcastMemory,
    gop: GopBuffer,
    log: Logger,
  ) {
    this.#source = source;
    this.#destination = destination;
    this.#settings = settings;
    this.#memory = memory;
    this.#gop = gop;
    this.#clock = settings.clock;
    this.#log = log;
    settings.clock.every(LOOK_EVERY_MS, () => this.#look(), this.#over.signal);
    this.#subscribe();
    this.closed = this.#supervise();
  }

  get passthrough(): boolean {
    return this.#passthrough;
  }

  close(): void {
    this.#over.abort();
    this.#wake?.();
    this.#stop();
  }

  /** Reads the source; what it says of the timeline that already runs is known from the buffer. */
  #subscribe(): void {
    let late = true;
    this.#source.read({
      restart: (startedAt, has) => {
        this.#timeline = { startedAt, has };
        if (late) return;
        this.#gop.reset(has.video);
        this.#keyframes.reset();
        this.#stop();
      },
      write: (tag) => {
        if (!late || this.#gop.isEmpty) this.#write(tag);
      },
      end: (reason) => this.#end(reason),
    });
    late = false;
  }

  #write(tag: FlvTag): void {
    if (this.#over.signal.aborted || tag.kind === 'script') return;
    const known = tag.header && this.#gop.knows(tag);
    this.#gop.push(tag);
    if (tag.kind === 'video' && !tag.header) this.#keyframes.picture(tag.timestamp, tag.keyframe);
    if (!this.#run) {
      if (this.#ready()) this.#wake?.();
    } else if (!known) {
      if (tag.header || this.#mustEncode() || this.#overflows(tag)) this.#stop();
      else this.#run.feed.write(tag);
    }
  }

  #end(reason: PublicationEnd): void {
    this.#over.abort();
    this.#wake?.();
    if (reason === 'replaced') this.#stop();
    else this.#run?.feed.end();
    const run = this.#run;
    if (run) void sleep(this.#clock, FLUSH_MS).then(() => this.#stop(run));
  }

  async #supervise(): Promise<void> {
    await keepRunning({
      what: 'realtime rendition',
      untilReady: () => this.#untilReady(),
      run: () => this.#encode(),
      over: this.#over.signal,
      clock: this.#clock,
      log: this.#log,
    }).catch((error: unknown) => this.#log.error({ err: error }, 'the realtime rendition failed'));
    this.close();
  }

  #untilReady(): Promise<void> {
    if (this.#over.signal.aborted || this.#ready()) return Promise.resolve();
    return new Promise((resolve) => {
      this.#wake = () => {
        this.#wake = undefined;
        resolve();
      };
    });
  }

  #ready(): boolean {
    const { age, span, seen, videoHeader, audioHeader } = this.#gop;
    if (!this.#timeline || age === undefined) return false;
    if (span >= PATIENCE_MS) return true;
    const { video } = this.#source.info;
    if (this.#timeline.has.audio && !audioHeader) return false;
    return !seen.video || (videoHeader !== undefined && video?.bFrames !== undefined);
  }

  async #encode(): Promise<ProcessEnd> {
    const { seen, tags, newest } = this.#gop;
    const { info } = this.#source;
    const first = tags[0]?.timestamp ?? newest;
    this.#base = newest > LARGEST_TIMESTAMP / 2 ? first : 0;
    const offset = TIMELINE_START_MS - this.#base;
    const video = seen.video && this.#destination.videoPort !== undefined;
    const audio = seen.audio && this.#destination.audioPort !== undefined;
    if (!video && !audio) return { how: 'failed', message: 'nothing to send', lastWords: [] };
    this.#passthrough = video && this.#isPassable();
    const plan = webrtcRenditionPlan({
      video: video ? (info.video ?? { codec: 'h264' }) : undefined,
      audio,
      destination: this.#destination,
      passthrough: this.#passthrough,
      lines: this.#lines,
      encoder: this.#memory.encoder.settings,
      maxPixels: this.#settings.maxPixels,
      originMs: (this.#timeline?.startedAt ?? this.#clock.now()) - offset,
      from: Math.max(first, newest - LEAD_MS) + offset,
    });
    const process = startFfmpeg(this.#settings.ffmpeg, plan);
    const feed = new WebrtcFlvPipe(process.input, {
      has: { audio, video },
      offset,
      frameRate: info.video?.frameRate,
      paced: this.#passthrough,
      onFall: (reading) => this.#fell(reading),
      clock: this.#clock,
    });
    const run: Run = { process, feed, stopped: false, fault: undefined };
    this.#run = run;
    const { passthrough } = this;
    this.#log.info({ pid: process.pid, passthrough, video, audio }, 'realtime rendition started');
    feed.begin(this.#gop);
    const exit = await process.exited;
    feed.close();
    this.#run = undefined;
    const { stopped, fault } = run;
    const how = stopped ? 'stopped' : exit.clean && fault === undefined ? 'finished' : 'failed';
    const message = fault === undefined ? exit.message : `${fault} (${exit.message})`;
    return { how, message, lastWords: exit.lastWords };
  }

  /** Every browser shows it as it is: no reordering, and not long without a keyframe. */
  #isPassable(): boolean {
    const { video } = this.#source.info;
    if (video?.codec !== 'h264' || video.bFrames !== false || !isPlainAvc(this.#gop.videoHeader))
      return false;
    const tooLong = (video.keyframeInterval ?? 0) > KEYFRAME_INTERVAL.most + 0.1;
    return !tooLong && this.#keyframes.fault !== 'too-far-apart';
  }

  #overflows({ keyframe, timestamp }: FlvTag): boolean {
    return (keyframe || !this.#gop.seen.video) && timestamp - this.#base > LARGEST_TIMESTAMP;
  }

  #mustEncode(): boolean {
    return this.#passthrough && !this.#isPassable();
  }

  #look(): void {
    const run = this.#run;
    if (!run?.feed.hangs) return;
    run.fault = 'it does not read for several seconds';
    run.feed.close();
    run.process.kill();
  }

  /** What was too much for it was left out. */
  #fell(reading: boolean): void {
    if (!reading) return;
    const now = this.#clock.monotonic();
    this.#falls = [...this.#falls.filter((at) => now - at < TOO_SLOW.ms), now];
    this.#log.warn('the realtime rendition is late: pictures are left out until the next keyframe');
    if (this.#passthrough || this.#falls.length < TOO_SLOW.times || this.#lines <= LEAST_LINES) return;
    this.#falls = [];
    this.#lines = Math.round(this.#lines * SMALLER);
    this.#log.warn({ lines: this.#lines }, 'the realtime rendition is too slow: a smaller picture');
    this.#stop();
  }

  #stop(run = this.#run): void {
    if (!run || run.stopped) return;
    run.stopped = true;
    run.feed.close();
    run.process.kill();
  }
}
