import { type Clock, type Logger, messageOf, sleep } from '../../platform/index.js';
import type { Broadcast, PublicationEnd, RtpSource, Source, SourceReader } from '../../streams/index.js';
import { learnFrom } from '../ffmpeg/failure.js';
import { TIMELINE_START_MS } from '../ffmpeg/ffmpeg-arguments.js';
import { keepRunning } from '../ffmpeg/supervision.js';
import type { LiveInput } from '../inputs/encoder-input.js';
import { openLiveInput } from '../inputs/live-input.js';
import { isRtpVideoCodec } from '../inputs/rtp-session.js';
import type { BroadcastMemory, TranscodeSettings } from '../transcode-settings.js';
import { Encoder, type EncoderEnd } from './encoder.js';
import { openRun } from './encoder-run.js';
import { chooseLadder, type Ladder } from './ladder.js';
import { type RtpVideoFormat, RtpVideoFormatChoice, USUAL_PICTURE } from './rtp-video-size.js';
import { Shedding } from './shedding.js';

const LOOK_EVERY_MS = 500;
/** What is known of the source is looked at this often until it is enough, ms. */
const ASK_EVERY_MS = 25;
/** A size that is not known is waited for so long, ms. */
const PATIENCE_MS = 500;
/** How long a run that is over may put out the rest, ms: what is left is a few pictures. */
const FLUSH_MS = 2_000;
/** The same when the next run is waiting for it. */
const HASTE_MS = 250;
/** Media that come in bursts (a still screen) say nothing of the encoder's speed, ms. */
const PAUSE_MS = 1_200;
/** WebRTC goes on without the ladder: it is tried again after so long, ms. */
const TRY_AGAIN_MS = 60_000;

type Timeline = { has: { audio: boolean; video: boolean }; since: number };
type Run = { encoder: Encoder; input: LiveInput; leaving: boolean };

/**
 * Keeps an encoder running for a publication whose media are in the SFU. Everything is encoded, as the sender changes
 * its size and makes keyframes as it likes; nothing that goes wrong here ends the publication, which WebRTC viewers
 * can watch all the same.
 */
export class RtpLadderSupervisor implements SourceReader {
  /** Resolves when no child is left and the last run is closed. */
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
  readonly #picture = new RtpVideoFormatChoice();
  #run: Run | undefined;
  #refused: string | undefined;

  /** @param before resolves when the publication before this one has let go of the broadcast. */
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
    settings.clock.every(LOOK_EVERY_MS, () => this.#look(), this.#over.signal);
  }

  restart(_startedAt: number, has: { audio: boolean; video: boolean }): void {
    this.#timeline = { has, since: this.#clock.monotonic() };
    this.#replace();
  }

  /** There are no tags: the media stay in the SFU. */
  write(): void {}

  end(reason: PublicationEnd): void {
    if (reason === 'replaced') this.stop();
    else this.finish(FLUSH_MS);
  }

  /** Nothing more will come: puts out the rest within `ms`. */
  finish(ms: number): void {
    this.#over.abort();
    const { encoder } = this.#run ?? {};
    if (encoder?.delivered) encoder.end(ms);
    else encoder?.stop();
  }

  /** Lets go of the broadcast at once. */
  stop(): void {
    this.#over.abort();
    this.#run?.encoder.stop();
  }

  async #supervise(): Promise<void> {
    await keepRunning<EncoderEnd>({
      what: 'encoder',
      untilReady: () => this.#untilReady(),
      run: () => this.#encode(),
      onFailure: (end) => learnFrom(end, this.#broadcast, this.#memory, this.#log),
      patienceMs: TRY_AGAIN_MS,
      over: this.#over.signal,
      clock: this.#clock,
      log: this.#log,
    });
    this.#over.abort();
  }

  /** Waits until there is something to encode, and it is known well enough what it is. */
  async #untilReady(): Promise<void> {
    while (!this.#over.signal.aborted && !this.#ready())
      await sleep(this.#clock, ASK_EVERY_MS, this.#over.signal);
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

  /** Says once that a codec cannot be read, and when one can again. */
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
      // Nobody else will say so: what there is to watch goes from the SFU to its viewers.
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
    // A publication whose picture has stopped keeps its renditions: players cannot leave out one kind for a while.
    const blank = codec ? undefined : this.#picture.made;
    const picture = codec ? this.#picture.choose(video) : blank;
    const ladder = this.#chooseLadder(picture, timeline?.has.audio ?? false);
    const request = {
      source: this.#rtp,
      has: { ...(codec ? { video: codec } : {}), audio: ladder.audio !== undefined },
      frameRate: (picture ?? USUAL_PICTURE).frameRate,
      ...(blank ? { blank } : {}),
    };
    let input: LiveInput;
    try {
      input = await openLiveInput(request, this.#settings);
    } catch (error) {
      return { how: 'failed', message: messageOf(error), lastWords: [], delivered: false };
    }
    const { ffmpeg, listener, segmentDuration, maxPixels } = this.#settings;
    let begun = this.#clock.now();
    let opening: Promise<void> | undefined;
    const encoder: Encoder = new Encoder({
      ...{ ladder, input, ffmpeg, listener, segmentDuration, maxPixels, clock: this.#clock },
      encoder: this.#memory.encoder.settings,
      onEarly: () => {
        opening = this.#openRun(encoder, begun);
      },
    });
    this.#run = { encoder, input, leaving: false };
    this.#shedding.forget();
    if (this.#over.signal.aborted || this.#timeline !== timeline) encoder.stop();
    input.flow().then(
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

  /** Something came out: only now it is worth a run. */
  async #openRun(encoder: Encoder, begun: number): Promise<void> {
    try {
      const writer = await openRun(this.#broadcast, encoder, begun - TIMELINE_START_MS, this.#log);
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
      audioBitrate: this.#settings.audioBitrate,
      passthrough: false,
      shed: this.#shedding.ids,
    });
  }

  #look(): void {
    if (!this.#run || this.#run.leaving) return;
    const { encoder, input } = this.#run;
    if (input.stalled) {
      this.#log.info({ pid: encoder.pid }, 'nothing comes out: a new encoder waits for the source');
      encoder.stop();
    } else if (this.#hasOtherSize()) this.#replace();
    else if (input.quiet > PAUSE_MS) this.#shedding.forget();
    else if (this.#shedding.look(encoder)) this.#replace();
  }

  #hasOtherSize(): boolean {
    if (!this.#run?.encoder.delivered || !this.#timeline) return false;
    const age = this.#clock.monotonic() - this.#timeline.since;
    const size = this.#picture.look(this.#source.info.video, age);
    if (size) this.#log.info({ size }, 'the source has another size: a ladder that fits');
    return size !== undefined;
  }

  /** Ends the current run for the sake of the next one, which begins as soon as it is closed. */
  #replace(): void {
    if (!this.#run) return;
    const { encoder } = this.#run;
    this.#run.leaving = true;
    if (encoder.delivered) encoder.end(HASTE_MS);
    else encoder.stop();
  }
}
