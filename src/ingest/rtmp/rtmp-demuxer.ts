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
import { AudioTrack, materialOf, VideoTrack } from './source-tracks.js';
import { readStreamMetadata, type StreamMetadata } from './stream-metadata.js';
import { Timeline, type Track } from './timeline.js';

export type RtmpDemuxerOptions = {
  publication: Publication;
  /** The encoder's name from the handshake; metadata may know a better one. */
  encoder: string | undefined;
  readableCodecs: ReadableCodecs;
  /** Pixels of the largest picture that is taken. */
  maxPixels: number;
  clock: Clock;
  /** The stream cannot be served; the sentence is for the broadcaster. The feed gets nothing more. */
  refuse(message: string): void;
};

/** After the first keyframe, audio is waited for so long; a stream of audio alone waits for video so long. */
const WAIT_FOR_AUDIO_MS = 300;
const WAIT_FOR_VIDEO_MS = 500;
/** What is held back while waiting, in bytes; more ends the wait. */
const HELD_BYTES = 4 << 20;
/** An audio track that was silent for longer is not counted on when a timeline begins. */
const AUDIO_GONE_MS = 2_000;
/** Video that sends nothing for so long while a timeline waits for its keyframe is taken to be gone. */
const VIDEO_GONE_MS = 5_000;
/** Without a keyframe for so long there is nothing to cut segments at. */
const KEYFRAME_MS = 30_000;
/** A stream may begin anew so often in this time; each costs viewers a hole and the gateway an encoder. */
const RESTARTS = 10;
const RESTARTS_WINDOW_MS = 60_000;
const UNSTEADY =
  'The timestamps or settings of this stream keep changing: audio and video must run on one steady clock.';
/** Metadata longer than this is not passed on. */
const METADATA_BYTES = 64 << 10;
/** Bit rates are told anew after so many ms of media time. */
const DESCRIBE_MS = 3_000;

type MediaTag = { kind: Track; rtmpTime: number; body: Buffer; keyframe: boolean; compositionTime: number };

/**
 * Turns the messages of one publisher into tags on the timeline of its publication. A timeline begins with a keyframe
 * (or with the first audio when there is no video) and says truthfully which tracks it has; when the encoder changes
 * its configuration, adds a track or lets its clock jump, a new one begins.
 */
export class RtmpDemuxer {
  readonly #options: RtmpDemuxerOptions;
  #video: VideoTrack | undefined;
  #audio: AudioTrack | undefined;
  #metadata: StreamMetadata | undefined;
  /** The current timeline; undefined while one is being gathered. */
  #timeline: Timeline | undefined;
  #has = { audio: false, video: false };
  /** The next keyframe begins a new timeline. */
  #renew = false;
  #meter = new SourceMeter();
  /** Tags of the timeline that is being gathered, from its first on. */
  #held: MediaTag[] = [];
  #heldBytes = 0;
  #heldSince = 0;
  #cancelWait: Cancel | undefined;
  #restarts: number[] = [];
  readonly #sizes = new CodedSizeReader();
  #over = false;
  #lastAudioAt = Number.NEGATIVE_INFINITY;
  #lastVideoAt = Number.NEGATIVE_INFINITY;
  #gatheringSince: number;
  #material = '';
  #describedAt = 0;

  constructor(options: RtmpDemuxerOptions) {
    this.#options = options;
    this.#gatheringSince = options.clock.monotonic();
  }

  /** An AMF0 data message. */
  data(payload: Buffer): void {
    if (this.#over || payload.length > METADATA_BYTES) return;
    this.#metadata = readStreamMetadata(payload) ?? this.#metadata;
  }

  /** An audio message. @param rtmpTime ms, wrapping after 2^32. */
  audio(rtmpTime: number, payload: Buffer): void {
    const packet = readFlvAudioTag(payload);
    if (this.#over || !packet || packet.packet === 'other') return;
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
      else if (!this.#timeline) this.#openIfComplete();
      return;
    }
    if (!this.#audio.ready || packet.body.length === packet.dataOffset) return;
    const tag = { kind: 'audio' as const, rtmpTime, body: packet.body, keyframe: false, compositionTime: 0 };
    if (!this.#timeline) this.#gatherAudio(tag);
    else if (!this.#has.audio) this.#audioChanged(tag);
    else if (!this.#renew) this.#place(tag);
  }

  /** A video message. @param rtmpTime ms, wrapping after 2^32. */
  video(rtmpTime: number, payload: Buffer): void {
    const packet = readFlvVideoTag(payload);
    if (this.#over || !packet || packet.packet === 'other') return;
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
      // What follows cannot be decoded with the old configuration.
      if (video.configure(packet) && this.#timeline) this.#gather();
      return;
    }
    if (!video.ready || packet.body.length === packet.dataOffset) return;
    const { body, keyframe, compositionTime } = packet;
    const tag = { kind: 'video' as const, rtmpTime, body, keyframe, compositionTime };
    if (this.#timeline && keyframe && (this.#renew || this.#timeline.full)) this.#gather();
    if (!this.#timeline) this.#gatherVideo(tag);
    else this.#place(tag);
  }

  /** Nothing more comes. Must be called when the connection ends. */
  close(): void {
    this.#over = true;
    this.#cancelWait?.();
    this.#held = [];
  }

  #newVideo(track: VideoTrack): void {
    this.#video = track;
    if (this.#timeline) this.#gather();
    // Audio that came before is dropped: the timeline begins with a keyframe.
    else this.#release();
  }

  /** The audio track is another than the timeline's: a new one begins, with the next keyframe if there is video. */
  #audioChanged(tag?: MediaTag): void {
    if (this.#has.video) {
      this.#renew = true;
      return;
    }
    this.#gather();
    if (tag && !this.#over) this.#gatherAudio(tag);
  }

  /** Ends the timeline and waits for the beginning of the next. */
  #gather(): void {
    const { clock } = this.#options;
    const now = clock.monotonic();
    this.#restarts = this.#restarts.filter((at) => now - at < RESTARTS_WINDOW_MS);
    this.#restarts.push(now);
    if (this.#restarts.length > RESTARTS) {
      this.#refuse(UNSTEADY);
      return;
    }
    this.#timeline = undefined;
    this.#renew = false;
    this.#gatheringSince = now;
    this.#release();
  }

  #release(): void {
    this.#held = [];
    this.#heldBytes = 0;
    this.#cancelWait?.();
    this.#cancelWait = undefined;
  }

  #gatherVideo(tag: MediaTag): void {
    const { clock } = this.#options;
    if (this.#held.length === 0 && !tag.keyframe) {
      if (clock.monotonic() - this.#gatheringSince > KEYFRAME_MS) {
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
    // Only at the very beginning video may still be on its way.
    this.#hold(tag, this.#restarts.length > 0 ? 0 : WAIT_FOR_VIDEO_MS);
  }

  #hold(tag: MediaTag, wait: number): void {
    const { clock } = this.#options;
    if (this.#held.length === 0) {
      this.#heldSince = clock.now();
      this.#cancelWait = clock.after(wait, () => this.#open());
    }
    this.#held.push(tag);
    this.#heldBytes += tag.body.length;
    // What comes faster than it plays is not waited for longer than it lasts.
    const span = timestampDistance(this.#held[0]!.rtmpTime, tag.rtmpTime);
    if (this.#heldBytes > HELD_BYTES || span >= wait) this.#open();
    else this.#openIfComplete();
  }

  #openIfComplete(): void {
    if (this.#held.length > 0 && this.#held[0]!.kind === 'video' && this.#hasAudio()) this.#open();
  }

  #hasAudio(): boolean {
    const fresh = this.#options.clock.monotonic() - this.#lastAudioAt < AUDIO_GONE_MS;
    return this.#audio?.ready === true && fresh;
  }

  /** Begins the timeline with what was held. */
  #open(): void {
    const first = this.#held[0];
    if (this.#over || !first) return;
    const held = this.#held;
    this.#release();
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
      this.#gather();
      if (this.#over) return;
      if (tag.kind === 'video') this.#gatherVideo(tag);
      else this.#gatherAudio(tag);
      return;
    }
    if (tag.kind === 'video') this.#meter.video(place, tag.body.length, tag.keyframe, tag.compositionTime);
    else this.#meter.audio(place, tag.body.length);
    this.#write(tag.kind, place, tag.body, false, tag.keyframe);
    if (this.#meter.takeNews() || place - this.#describedAt >= DESCRIBE_MS) this.#describe(place);
  }

  #write(kind: FlvTag['kind'], timestamp: number, body: Buffer, header: boolean, keyframe: boolean): void {
    this.#options.publication.write({ kind, timestamp, body, header, keyframe });
  }

  /** Tells what is known, if that is new; without a time, in any case. */
  #describe(place?: number): void {
    const measured = this.#meter.read();
    const encoder = this.#metadata?.encoder ?? this.#options.encoder;
    const source: Pick<SourceInfo, 'video' | 'audio' | 'encoder'> = {
      ...(encoder !== undefined && { encoder }),
      ...(this.#has.video && this.#video && { video: this.#video.describe(this.#metadata, measured.video) }),
      ...(this.#has.audio && this.#audio && { audio: this.#audio.describe(measured.audio) }),
    };
    const material = materialOf(source);
    const due = place === undefined || place - this.#describedAt >= DESCRIBE_MS;
    if (!due && material === this.#material) return;
    this.#material = material;
    this.#describedAt = place ?? 0;
    this.#options.publication.describe(source);
  }

  #refuse(message: string): void {
    if (this.#over) return;
    this.close();
    this.#options.refuse(message);
  }
}
