import {
  CodedSizeReader,
  exceedsPixels,
  type FlvTag,
  pictureTooLarge,
  readFlvAudioTag,
  readFlvVideoTag,
  type SourceInfo,
  timestampDistance,
} from '../../media/index.js';
import type { Cancel, Clock } from '../../platform/index.js';
import type { Publication } from '../../streams/index.js';
import { type ReadableCodecs, refusalOfVideo, unreadableAudio, unreadableVideo } from './codec-refusal.js';
import { SourceMeter } from './source-meter.js';
import { AudioTrack, settingsOf, VideoTrack } from './source-tracks.js';
import { readStreamMetadata, type StreamMetadata } from './stream-metadata.js';
import { Timeline, type Track } from './timeline.js';

export type RtmpDemuxerOptions = {
  publication: Publication;
  /** Encoder name from `connect`; the name in the metadata takes precedence. */
  encoder: string | undefined;
  readableCodecs: ReadableCodecs;
  /** Maximum frame size, pixels. */
  maxPixels: number;
  clock: Clock;
  /** Refuses the stream with a sentence for the broadcaster; the demuxer is closed then. */
  refuse(message: string): void;
};

/** Wait for audio after the first keyframe, and for video in a stream of audio alone. */
const WAIT_FOR_AUDIO_MS = 300;
const WAIT_FOR_VIDEO_MS = 500;
/** Bytes held while waiting; more end the wait. */
const MAXIMUM_HELD_BYTES = 4 << 20;
/** Silence after which audio is left out of a new timeline. */
const AUDIO_GONE_MS = 2_000;
/** Time without video after which a waiting timeline begins without it. */
const VIDEO_GONE_MS = 5_000;
/** Maximum wait for a keyframe, at which segments are cut. */
const KEYFRAME_TIMEOUT_MS = 30_000;
/** Maximum timeline restarts within the window; each costs viewers a gap and the gateway an encoder start. */
const MAXIMUM_RESTARTS = 10;
const RESTARTS_WINDOW_MS = 60_000;
const UNSTEADY =
  'The timestamps or settings of this stream keep changing: audio and video must run on one steady clock.';
/** Longer metadata is ignored. */
const MAXIMUM_METADATA_BYTES = 64 << 10;
/** Interval of bit rate updates in media time. */
const DESCRIBE_INTERVAL_MS = 3_000;

type MediaTag = { kind: Track; rtmpTime: number; body: Buffer; keyframe: boolean; compositionTime: number };

/**
 * Turns the messages of one publisher into FLV tags on the timeline of its publication. A timeline begins with a keyframe
 * (without video: with the first audio) and declares its tracks. A changed configuration, an added track or a jump of the
 * encoder's clock begins a new one.
 */
export class RtmpDemuxer {
  readonly #options: RtmpDemuxerOptions;
  #video: VideoTrack | undefined;
  #audio: AudioTrack | undefined;
  #metadata: StreamMetadata | undefined;
  /** Current timeline; undefined while the next is gathered. */
  #timeline: Timeline | undefined;
  #has = { audio: false, video: false };
  /** Begin a new timeline at the next keyframe. */
  #renewAtKeyframe = false;
  #meter = new SourceMeter();
  /** Tags of the timeline that is being gathered. */
  #held: MediaTag[] = [];
  #heldBytes = 0;
  #heldSince = 0;
  #cancelWait: Cancel | undefined;
  #restartTimes: number[] = [];
  readonly #sizes = new CodedSizeReader();
  #closed = false;
  #lastAudioAt = Number.NEGATIVE_INFINITY;
  #lastVideoAt = Number.NEGATIVE_INFINITY;
  #gatheringSince: number;
  #describedSettings = '';
  #describedAt = 0;

  constructor(options: RtmpDemuxerOptions) {
    this.#options = options;
    this.#gatheringSince = options.clock.monotonic();
  }

  /** Handles an AMF0 data message. */
  data(payload: Buffer): void {
    if (this.#closed || payload.length > MAXIMUM_METADATA_BYTES) return;
    this.#metadata = readStreamMetadata(payload) ?? this.#metadata;
  }

  /** Handles an audio message. @param rtmpTime ms, wrapping after 2^32. */
  audio(rtmpTime: number, payload: Buffer): void {
    const packet = readFlvAudioTag(payload);
    if (this.#closed || !packet || packet.packet === 'other') return;
    if (packet.packet === 'unsupported') {
      this.#refuse(unreadableAudio(packet.codec));
      return;
    }
    this.#lastAudioAt = this.#options.clock.monotonic();
    if (this.#audio?.codec !== packet.codec) {
      this.#audio = new AudioTrack(packet);
      if (this.#has.audio) this.#audioChanged();
    }
    if (packet.packet === 'configuration') {
      if (this.#audio.configure(packet) && this.#timeline) this.#audioChanged();
      else if (!this.#timeline) this.#startIfComplete();
      return;
    }
    if (!this.#audio.ready || packet.body.length === packet.dataOffset) return;
    const tag = { kind: 'audio' as const, rtmpTime, body: packet.body, keyframe: false, compositionTime: 0 };
    if (!this.#timeline) this.#gatherAudio(tag);
    else if (!this.#has.audio) this.#audioChanged(tag);
    else if (!this.#renewAtKeyframe) this.#place(tag);
  }

  /** Handles a video message. @param rtmpTime ms, wrapping after 2^32. */
  video(rtmpTime: number, payload: Buffer): void {
    const packet = readFlvVideoTag(payload);
    if (this.#closed || !packet || packet.packet === 'other') return;
    const refusal =
      packet.packet === 'unsupported'
        ? unreadableVideo(packet.codec)
        : refusalOfVideo(packet.codec, this.#options.readableCodecs);
    if (packet.packet === 'unsupported' || refusal !== undefined) {
      this.#refuse(refusal ?? '');
      return;
    }
    const data = packet.body.subarray(packet.dataOffset);
    const size =
      packet.packet === 'configuration'
        ? this.#sizes.configuration(packet.codec, data)
        : this.#sizes.frame(packet.codec, data);
    if (size && exceedsPixels(size, this.#options.maxPixels)) {
      this.#refuse(pictureTooLarge(size, this.#options.maxPixels));
      return;
    }
    this.#lastVideoAt = this.#options.clock.monotonic();
    if (this.#video?.codec !== packet.codec) this.#newVideo(new VideoTrack(packet.codec));
    const video = this.#video!;
    if (size) video.codedSize = size;
    if (packet.packet === 'configuration') {
      // Later frames cannot be decoded with the old configuration.
      if (video.configure(packet) && this.#timeline) this.#gatherTimeline();
      return;
    }
    if (!video.ready || packet.body.length === packet.dataOffset) return;
    const { body, keyframe, compositionTime } = packet;
    const tag = { kind: 'video' as const, rtmpTime, body, keyframe, compositionTime };
    if (this.#timeline && keyframe && (this.#renewAtKeyframe || this.#timeline.full)) this.#gatherTimeline();
    if (!this.#timeline) this.#gatherVideo(tag);
    else this.#place(tag);
  }

  /** Stops timers and drops held tags. Must be called when the connection ends. */
  close(): void {
    this.#closed = true;
    this.#cancelWait?.();
    this.#held = [];
  }

  #newVideo(track: VideoTrack): void {
    this.#video = track;
    if (this.#timeline) this.#gatherTimeline();
    // Drops earlier audio: the timeline begins with a keyframe.
    else this.#clearHeld();
  }

  /** Begins a new timeline for a changed audio track; with video, at the next keyframe. */
  #audioChanged(tag?: MediaTag): void {
    if (this.#has.video) {
      this.#renewAtKeyframe = true;
      return;
    }
    this.#gatherTimeline();
    if (tag && !this.#closed) this.#gatherAudio(tag);
  }

  /** Ends the timeline and gathers the next. */
  #gatherTimeline(): void {
    const { clock } = this.#options;
    const now = clock.monotonic();
    this.#restartTimes = this.#restartTimes.filter((at) => now - at < RESTARTS_WINDOW_MS);
    this.#restartTimes.push(now);
    if (this.#restartTimes.length > MAXIMUM_RESTARTS) {
      this.#refuse(UNSTEADY);
      return;
    }
    this.#timeline = undefined;
    this.#renewAtKeyframe = false;
    this.#gatheringSince = now;
    this.#clearHeld();
  }

  #clearHeld(): void {
    this.#held = [];
    this.#heldBytes = 0;
    this.#cancelWait?.();
    this.#cancelWait = undefined;
  }

  #gatherVideo(tag: MediaTag): void {
    const { clock } = this.#options;
    if (this.#held.length === 0 && !tag.keyframe) {
      if (clock.monotonic() - this.#gatheringSince > KEYFRAME_TIMEOUT_MS) {
        this.#refuse('No keyframe came for 30 seconds: set a keyframe interval of 2 seconds.');
      }
      return;
    }
    this.#hold(tag, WAIT_FOR_AUDIO_MS);
  }

  #gatherAudio(tag: MediaTag): void {
    const now = this.#options.clock.monotonic();
    if (this.#video && this.#held.length === 0) {
      if (now - Math.max(this.#lastVideoAt, this.#gatheringSince) < VIDEO_GONE_MS) return;
      this.#video = undefined;
    }
    // Waits for video only at the beginning of the stream.
    this.#hold(tag, this.#restartTimes.length > 0 ? 0 : WAIT_FOR_VIDEO_MS);
  }

  #hold(tag: MediaTag, waitMs: number): void {
    const { clock } = this.#options;
    if (this.#held.length === 0) {
      this.#heldSince = clock.now();
      this.#cancelWait = clock.after(waitMs, () => this.#startTimeline());
    }
    this.#held.push(tag);
    this.#heldBytes += tag.body.length;
    // Media time ends the wait early when media arrives faster than real time.
    const spanMs = timestampDistance(this.#held[0]!.rtmpTime, tag.rtmpTime);
    if (this.#heldBytes > MAXIMUM_HELD_BYTES || spanMs >= waitMs) this.#startTimeline();
    else this.#startIfComplete();
  }

  #startIfComplete(): void {
    if (this.#held.length > 0 && this.#held[0]!.kind === 'video' && this.#hasAudio()) this.#startTimeline();
  }

  #hasAudio(): boolean {
    const fresh = this.#options.clock.monotonic() - this.#lastAudioAt < AUDIO_GONE_MS;
    return this.#audio?.ready === true && fresh;
  }

  /** Begins the timeline with the held tags. */
  #startTimeline(): void {
    const first = this.#held[0];
    if (this.#closed || !first) return;
    const held = this.#held;
    this.#clearHeld();
    const { publication } = this.#options;
    this.#has = { audio: this.#hasAudio(), video: first.kind === 'video' };
    this.#timeline = new Timeline(first.rtmpTime);
    this.#meter = new SourceMeter();
    this.#describe();
    publication.restart(this.#heldSince, { ...this.#has });
    if (this.#metadata) this.#write('script', 0, this.#metadata.body, false, false);
    const { configuration: video } = this.#video ?? {};
    const { configuration: audio } = this.#audio ?? {};
    if (this.#has.video && video) this.#write('video', 0, video, true, false);
    if (this.#has.audio && audio) this.#write('audio', 0, audio, true, false);
    for (const tag of held) {
      if (!this.#timeline) return;
      if (this.#has[tag.kind]) this.#place(tag);
    }
  }

  #place(tag: MediaTag): void {
    const place = this.#timeline!.place(tag.kind, tag.rtmpTime);
    if (place === 'early') return;
    const full = this.#timeline!.full && !this.#has.video;
    if (place === 'jump' || full) {
      this.#gatherTimeline();
      if (this.#closed) return;
      if (tag.kind === 'video') this.#gatherVideo(tag);
      else this.#gatherAudio(tag);
      return;
    }
    if (tag.kind === 'video') this.#meter.video(place, tag.body.length, tag.keyframe, tag.compositionTime);
    else this.#meter.audio(place, tag.body.length);
    this.#write(tag.kind, place, tag.body, false, tag.keyframe);
    if (this.#meter.takeChanged() || place - this.#describedAt >= DESCRIBE_INTERVAL_MS) this.#describe(place);
  }

  #write(kind: FlvTag['kind'], timestamp: number, body: Buffer, header: boolean, keyframe: boolean): void {
    this.#options.publication.write({ kind, timestamp, body, header, keyframe });
  }

  /** Publishes the source description when it has changed; always without `place`. */
  #describe(place?: number): void {
    const measured = this.#meter.read();
    const encoder = this.#metadata?.encoder ?? this.#options.encoder;
    const source: Pick<SourceInfo, 'video' | 'audio' | 'encoder'> = {
      ...(encoder !== undefined && { encoder }),
      ...(this.#has.video && this.#video && { video: this.#video.describe(this.#metadata, measured.video) }),
      ...(this.#has.audio && this.#audio && { audio: this.#audio.describe(measured.audio) }),
    };
    const settings = settingsOf(source);
    const due = place === undefined || place - this.#describedAt >= DESCRIBE_INTERVAL_MS;
    if (!due && settings === this.#describedSettings) return;
    this.#describedSettings = settings;
    this.#describedAt = place ?? 0;
    this.#options.publication.describe(source);
  }

  #refuse(message: string): void {
    if (this.#closed) return;
    this.close();
    this.#options.refuse(message);
  }
}
