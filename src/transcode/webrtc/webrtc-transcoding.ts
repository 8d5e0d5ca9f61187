import type { FlvTag } from '../../media/index.js';
import { type Clock, type Logger, sleep } from '../../platform/index.js';
import type {
  PublicationEnd,
  Source,
  WebrtcRendition,
  WebrtcRenditionDestination,
  WebrtcSlate,
} from '../../streams/index.js';
import { TIMELINE_START_MS } from '../ffmpeg/ffmpeg-arguments.js';
import { type FfmpegProcess, startFfmpeg } from '../ffmpeg/ffmpeg-process.js';
import { keepRunning } from '../ffmpeg/supervision.js';
import type { ProcessEnd } from '../hls/encoder.js';
import type { GopBuffer } from '../inputs/gop-buffer.js';
import { KeyframeWatch } from '../inputs/keyframe-watch.js';
import { tagInput } from '../inputs/tag-framing.js';
import type { BroadcastMemory, TranscodeSettings } from '../transcode-settings.js';
import type { EncodedPictures } from './encoded-pictures.js';
import { EncodedVideo } from './encoded-video.js';
import { isPassableVideo } from './passable-video.js';
import { PassedVideo } from './passed-video.js';
import { RenditionPause } from './rendition-pause.js';
import { WebrtcFlvPipe } from './webrtc-flv-pipe.js';
import { MAXIMUM_LINES, webrtcRenditionPlan } from './webrtc-rendition-plan.js';

const CHECK_INTERVAL_MS = 500;
/** Maximum wait for the detection of B-frames, ms of media. */
const PATIENCE_MS = 500;
/** Distance to the newest tag before which frames are only decoded, ms. */
const LEAD_MS = 100;
/** FLV timestamps have 31 bits; near the limit a new run starts with a smaller one. */
const MAXIMUM_TIMESTAMP_MS = 0x7fff_ffff - 60_000;
/** Time for remaining output after the publication has ended, ms. */
const FLUSH_MS = 500;
/** Number of backlog drops within a time after which the frame size is reduced. */
const TOO_SLOW = { times: 3, ms: 30_000 } as const;
/** Minimum shorter side of the frame size. */
const MINIMUM_LINES = 240;
const SMALLER = 2 / 3;

type Tracks = { audio: boolean; video: boolean };
/** Process that encodes. */
type Run = {
  process: FfmpegProcess;
  pipe: WebrtcFlvPipe;
  has: Tracks;
  stopped: boolean;
  fault: string | undefined;
};

/**
 * Sends a publication to the SFU without delay: H.264 without B-frames as it is, other video encoded by ffmpeg, audio as
 * Opus. For viewers that take another codec of the source, its video is sent as it is or not at all. It never slows the
 * publisher: when it is too slow it drops frames. Video that no encoder can join any more is that of the ladder's encoder,
 * which has read it from the beginning.
 */
export class WebrtcTranscoding implements WebrtcRendition {
  readonly closed: Promise<void>;
  readonly #source: Source;
  readonly #destination: WebrtcRenditionDestination;
  readonly #settings: TranscodeSettings;
  readonly #memory: BroadcastMemory;
  /** Tags since the last keyframe. */
  readonly gop: GopBuffer;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #keyframes = new KeyframeWatch();
  readonly #over = new AbortController();
  #timeline: { startedAt: number; has: Tracks } | undefined;
  #passed: PassedVideo | undefined;
  isPassable = true;
  /** Pictures of the ladder's encoder. */
  readonly #pictures: EncodedPictures;
  /** These, as the video of this rendition. */
  #encoded: EncodedVideo | undefined;
  readonly #pause: RenditionPause | undefined;
  /** Timestamp of the newest picture, ms. */
  #pictureMs: number | undefined;
  #run: Run | undefined;
  #wake: (() => void) | undefined;
  #base = 0;
  #lines = MAXIMUM_LINES;
  #drops: number[] = [];

  /**
   * @param gop tags since the last keyframe; kept up to date here
   * @param renderSlate renders the slate for pauses of the picture; undefined when there is none
   */
  constructor(
    source: Source,
    destination: WebrtcRenditionDestination,
    settings: TranscodeSettings,
    memory: BroadcastMemory,
    gop: GopBuffer,
    pictures: EncodedPictures,
    log: Logger,
    renderSlate: (signal: AbortSignal) => Promise<WebrtcSlate | undefined>,
  ) {
    this.#source = source;
    this.#destination = destination;
    this.#settings = settings;
    this.#memory = memory;
    this.gop = gop;
    this.#pictures = pictures;
    this.#clock = settings.clock;
    this.#log = log;
    settings.clock.every(CHECK_INTERVAL_MS, () => this.#check(), this.#over.signal);
    if (destination.passed)
      this.#pause = new RenditionPause({
        ...{
          sink: destination.passed.pictures,
          render: renderSlate,
          clock: this.#clock,
          log,
          signal: this.#over.signal,
        },
        pictureAgeMs: () => this.#pictureAgeMs(),
        paused: () => this.#keyframes.reset(),
      });
    this.#pictureMs = gop.tags.findLast(({ kind, header }) => kind === 'video' && !header)?.timestamp;
    this.#subscribe();
    this.#passIfPossible();
    this.#readPicturesIfLost();
    this.closed = this.#supervise();
  }

  get passthrough(): boolean {
    return this.#passed !== undefined;
  }

  close(): void {
    this.#over.abort();
    this.#endVideo();
    this.#wake?.();
    this.#stop();
  }

  /** Reads the source; tags of the running timeline are already in the buffer. */
  #subscribe(): void {
    let late = true;
    this.#source.read({
      restart: (startedAt, has) => {
        this.#timeline = { startedAt, has };
        if (late) return;
        this.gop.reset(has.video);
        this.#keyframes.reset();
        this.#endVideo();
        this.#pictureMs = undefined;
        this.#pause?.end();
        this.#stop();
      },
      write: (tag) => {
        if (!late || this.gop.isEmpty) this.#write(tag);
      },
      end: (reason) => this.#end(reason),
    });
    late = false;
  }

  #write(tag: FlvTag): void {
    if (this.#over.signal.aborted || tag.kind === 'script') return;
    const known = tag.header && this.gop.knows(tag);
    this.gop.push(tag);
    if (known) return;
    if (tag.kind === 'video' && !tag.header) {
      this.#pictureMs = tag.timestamp;
      this.#keyframes.picture(tag.timestamp, tag.keyframe);
    }
    if (this.#passed) this.#pass(tag);
    else this.#passIfPossible();
    if (!this.#passed && this.#mustPass && this.#isRefused) {
      this.isPassable = false;
      this.close();
      return;
    }
    this.#readPicturesIfLost();
    const run = this.#run;
    // The encoder's next frame is a keyframe.
    if (run?.has.video && tag.kind === 'video' && !tag.header) this.#pause?.end();
    if (!run) {
      if (this.#ready()) this.#wake?.();
    } else if (this.#isOutdated(run, tag)) this.#stop();
    else run.pipe.write(tag);
  }

  /** Passes a tag, or ends the passthrough before it. */
  #pass(tag: FlvTag): void {
    if (!this.#isPassable()) {
      this.#passed = undefined;
      this.#pause?.end();
    } else if (this.#pause?.isShown && tag.kind === 'video') this.#passAfterPause(tag);
    else if (tag.kind === 'video' && tag.header) this.#beginPassthrough(tag);
    else this.#passed?.write(tag);
  }

  /** Goes on with the keyframe with which the picture returns. When none comes, the passthrough ends. */
  #passAfterPause(tag: FlvTag): void {
    const { videoHeader } = this.gop;
    if (tag.header || !tag.keyframe || !videoHeader) return;
    this.#pause?.end();
    this.#beginPassthrough(videoHeader);
    this.#passed?.write(tag);
  }

  /** A source that is ahead of the clock may rest. After a slate, passed video returns with a keyframe only. */
  #pictureAgeMs(): number | undefined {
    const hasVideo = this.#passed ? this.gop.isJoinableAgain : this.#encoded || this.#run?.has.video;
    if (!hasVideo || !this.#timeline || this.#pictureMs === undefined) return undefined;
    return this.#clock.now() - (this.#timeline.startedAt + this.#pictureMs);
  }

  #passIfPossible(): void {
    const { age, videoHeader } = this.gop;
    if (this.#encoded || this.#run?.has.video || age === undefined || !videoHeader || !this.#isPassable())
      return;
    this.#beginPassthrough(videoHeader);
    this.#passed?.begin(this.gop);
    if (this.#passed) this.#log.info({ passthrough: true }, 'WebRTC rendition started');
  }

  #beginPassthrough(header: FlvTag): void {
    const { passed } = this.#destination;
    if (!passed || !this.#timeline) return;
    const onDrop = (): void =>
      this.#log.warn('WebRTC worker is late: frames dropped until the next keyframe');
    const { codec, pictures: sink } = passed;
    this.#passed = new PassedVideo({ codec, sink, header, originMs: this.#timeline.startedAt, onDrop });
  }

  /** Reads the pictures of the ladder's encoder when an own one could not join. */
  #readPicturesIfLost(): void {
    const { passed } = this.#destination;
    if (!this.gop.isLost || this.#passed || this.#encoded || this.#run?.has.video) return;
    // The ladder is H.264.
    if (passed?.codec !== 'h264' || this.#over.signal.aborted) return;
    this.#encoded = new EncodedVideo({ pictures: this.#pictures, sink: passed.pictures, pause: this.#pause });
    this.#log.info({ passthrough: false, ladder: true }, 'WebRTC rendition started');
  }

  #endVideo(): void {
    this.#passed = undefined;
    this.#encoded?.close();
    this.#encoded = undefined;
  }

  #end(reason: PublicationEnd): void {
    this.#over.abort();
    this.#endVideo();
    this.#wake?.();
    if (reason === 'replaced') this.#stop();
    else this.#run?.pipe.end();
    const run = this.#run;
    if (run) void sleep(this.#clock, FLUSH_MS).then(() => this.#stop(run));
  }

  async #supervise(): Promise<void> {
    await keepRunning({
      name: 'WebRTC rendition',
      untilReady: () => this.#untilReady(),
      run: () => this.#encode(),
      over: this.#over.signal,
      clock: this.#clock,
      log: this.#log,
    }).catch((error: unknown) => this.#log.error({ err: error }, 'WebRTC rendition supervision failed'));
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

  get #encodesVideo(): boolean {
    return (
      !this.#passed && !this.#encoded && this.gop.seen.video && this.#destination.videoPort !== undefined
    );
  }

  get #encodesAudio(): boolean {
    return this.gop.seen.audio && this.#destination.audioPort !== undefined;
  }

  /** Whether it is known that there is something to encode, and what. */
  #ready(): boolean {
    const { age, span, videoHeader, audioHeader } = this.gop;
    const video = this.#encodesVideo;
    const mayJoin = age !== undefined || this.#encoded !== undefined;
    if (!this.#timeline || !mayJoin || !(video || this.#encodesAudio)) return false;
    if (span >= PATIENCE_MS) return true;
    if (this.#timeline.has.audio && !audioHeader) return false;
    return !video || (videoHeader !== undefined && this.#source.info.video?.bFrames !== undefined);
  }

  async #encode(): Promise<ProcessEnd> {
    const { tags, newest } = this.gop;
    const { info } = this.#source;
    const first = tags[0]?.timestamp ?? newest;
    this.#base = newest > MAXIMUM_TIMESTAMP_MS / 2 ? first : 0;
    const offset = TIMELINE_START_MS - this.#base;
    const has = { audio: this.#encodesAudio, video: this.#encodesVideo };
    if (!has.video && !has.audio) return { how: 'stopped', message: 'nothing to encode', lastLines: [] };
    const plan = webrtcRenditionPlan({
      video: has.video ? (info.video ?? { codec: 'h264' }) : undefined,
      audio: has.audio,
      input: tagInput(info, this.#settings.av1Decoder),
      destination: this.#destination,
      lines: this.#lines,
      encoder: this.#memory.encoder.settings,
      maxPixels: this.#settings.maxPixels,
      originMs: (this.#timeline?.startedAt ?? this.#clock.now()) - offset,
      from: Math.max(first, newest - LEAD_MS) + offset,
    });
    const process = startFfmpeg(this.#settings.ffmpeg, plan);
    const pipe = new WebrtcFlvPipe(process.input, {
      has,
      offset,
      info,
      onDrop: (reading) => this.#backlogDropped(reading),
      clock: this.#clock,
    });
    const run: Run = { process, pipe, has, stopped: false, fault: undefined };
    this.#run = run;
    if (has.video) this.#log.info({ passthrough: false }, 'WebRTC rendition started');
    this.#log.info({ pid: process.pid, ...has }, 'WebRTC encoder started');
    pipe.begin(this.gop);
    const exit = await process.exited;
    pipe.close();
    this.#run = undefined;
    const { stopped, fault } = run;
    const how = stopped ? 'stopped' : exit.clean && fault === undefined ? 'finished' : 'failed';
    const message = fault === undefined ? exit.message : `${fault} (${exit.message})`;
    return { how, message, lastLines: exit.lastLines };
  }

  /** Video is sent as it is, or not at all. */
  get #mustPass(): boolean {
    return this.#destination.passed !== undefined && this.#destination.videoPort === undefined;
  }

  /** The video is known, and cannot be passed through. */
  get #isRefused(): boolean {
    const { age, videoHeader } = this.gop;
    if (age === undefined || videoHeader === undefined || this.#isPassable()) return false;
    const { video } = this.#source.info;
    // Whether there are B-frames is known after some pictures.
    return video?.codec !== 'hevc' || video.bFrames !== undefined || this.gop.span >= PATIENCE_MS * 2;
  }

  #isPassable(): boolean {
    const { passed } = this.#destination;
    const { video } = this.#source.info;
    const tooFarApart = this.#keyframes.fault === 'too-far-apart';
    return passed !== undefined && !tooFarApart && isPassableVideo(passed.codec, video, this.gop.videoHeader);
  }

  /** Whether another process must go on with this tag: with other tracks, another configuration or smaller timestamps. */
  #isOutdated({ has }: Run, { kind, header, keyframe, timestamp }: FlvTag): boolean {
    if (has.video !== this.#encodesVideo || has.audio !== this.#encodesAudio) return true;
    if (header && kind !== 'script' && has[kind]) return true;
    return (keyframe || !this.gop.seen.video) && timestamp - this.#base > MAXIMUM_TIMESTAMP_MS;
  }

  #check(): void {
    const run = this.#run;
    if (!run?.pipe.isHanging) return;
    run.fault = 'it does not read for several seconds';
    run.pipe.close();
    run.process.kill();
  }

  /** Counts dropped backlogs and reduces the frame size of a slow encoder. */
  #backlogDropped(reading: boolean): void {
    if (!reading) return;
    const now = this.#clock.monotonic();
    this.#drops = [...this.#drops.filter((at) => now - at < TOO_SLOW.ms), now];
    this.#log.warn('WebRTC rendition is late: frames dropped until the next keyframe');
    if (!this.#run?.has.video || this.#drops.length < TOO_SLOW.times || this.#lines <= MINIMUM_LINES) return;
    this.#drops = [];
    this.#lines = Math.round(this.#lines * SMALLER);
    this.#log.warn({ lines: this.#lines }, 'WebRTC rendition is too slow: smaller frame size');
    this.#stop();
  }

  #stop(run = this.#run): void {
    if (!run || run.stopped) return;
    run.stopped = true;
    run.pipe.close();
    run.process.kill();
  }
}
