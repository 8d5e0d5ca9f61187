import {
  AacNormaliser,
  CodedSizeReader,
  createVideoNormaliser,
  exceedsPixels,
  type FlvAudioTag,
  type FlvVideoTag,
  type PictureSize,
  pictureTooLarge,
  readFlvAudioTag,
  readFlvVideoTag,
  type SourceInfo,
  TrackSelection,
  timestampDistance,
  type VideoCodec,
  type VideoFrame,
  type VideoNormaliser,
} from '../../media/index.js';
import type { Cancel, Clock } from '../../platform/index.js';
import type { Publication, RelayPath } from '../../streams/index.js';
import { refusalOfVideo, unreadableAudio, unreadableVideo } from './codec-refusal.js';
import { PlayabilityWatch } from './playability-watch.js';
import { AudioTrack, settingsOf, VideoTrack } from './source-tracks.js';
import { readStreamMetadata, type StreamMetadata } from './stream-metadata.js';
import { type AudioTag, type MediaTag, TimelineWriter, type VideoTag } from './timeline-writer.js';

export type RtmpDemuxerOptions = {
  publication: Publication;
  /** Encoder name from `connect`; the name in the metadata takes precedence. */
  encoder: string | undefined;
  readsAv1: boolean;
  /** Maximum frame size, pixels. */
  maxPixels: number;
  clock: Clock;
  /** Called with the gateways that the metadata names. */
  onRelayPath?(path: RelayPath): void;
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
/** Maximum timeline restarts within the window; each costs viewers a gap and the gateway an encoder start. */
const MAXIMUM_RESTARTS = 10;
const RESTARTS_WINDOW_MS = 60_000;
const UNSTEADY =
  'The timestamps or settings of this stream keep changing: audio and video must run on one steady clock.';
/** Longer metadata is ignored. */
const MAXIMUM_METADATA_BYTES = 64 << 10;
/** Tag header of AAC. */
const AAC_HEAD_BYTES = 2;
/** Interval of bit rate updates in media time. */
const DESCRIBE_INTERVAL_MS = 3_000;

/**
 * Turns the messages of one publisher into FLV tags on the timeline of its publication: one access unit each, whose
 * properties are read from the bitstream. A timeline begins with a keyframe
 * (without video: with the first audio) and declares its tracks. A changed configuration, an added track or a jump of the
 * encoder's clock begins a new one.
 */
export class RtmpDemuxer {
  readonly #options: RtmpDemuxerOptions;
  #video: VideoTrack | undefined;
  #videoNormaliser: VideoNormaliser | undefined;
  #audio: AudioTrack | undefined;
  #aacNormaliser: AacNormaliser;
  #metadata: StreamMetadata | undefined;
  /** Current timeline; undefined while the next is gathered. */
  #timeline: TimelineWriter | undefined;
  #has = { audio: false, video: false };
  /** Begin a new timeline at the next keyframe. */
  #renewAtKeyframe = false;
  /** Tags of the timeline that is being gathered. */
  #held: MediaTag[] = [];
  #heldBytes = 0;
  #heldSince = 0;
  #cancelWait: Cancel | undefined;
  #restartTimes: number[] = [];
  readonly #tracks = { audio: new TrackSelection(), video: new TrackSelection() };
  readonly #sizes = new CodedSizeReader();
  readonly #watch: PlayabilityWatch;
  #closed = false;
  #lastAudioAt = Number.NEGATIVE_INFINITY;
  #lastVideoAt = Number.NEGATIVE_INFINITY;
  #gatheringSince: number;
  #describedSettings = '';
  #describedAt = 0;

  constructor(options: RtmpDemuxerOptions) {
    this.#options = options;
    const { publication, clock } = options;
    this.#gatheringSince = clock.monotonic();
    this.#watch = new PlayabilityWatch({ publication, clock, refuse: (message) => this.#refuse(message) });
    this.#aacNormaliser = this.#newAacNormaliser();
  }

  /** Handles an AMF0 data message. */
  data(payload: Buffer): void {
    if (this.#closed || payload.length > MAXIMUM_METADATA_BYTES) return;
    this.#metadata = readStreamMetadata(payload) ?? this.#metadata;
    const { relayPath } = this.#metadata ?? {};
    if (relayPath) this.#options.onRelayPath?.(relayPath);
  }

  /** Handles an audio message. @param rtmpTime ms, wrapping after 2^32. */
  audio(rtmpTime: number, payload: Buffer): void {
    if (this.#closed) return;
    const packet = readFlvAudioTag(payload, this.#tracks.audio);
    if (packet) this.#audioPacket(packet, rtmpTime);
    this.#arrived('audio');
  }

  /** Handles a video message. @param rtmpTime ms, wrapping after 2^32. */
  video(rtmpTime: number, payload: Buffer): void {
    if (this.#closed) return;
    const packet = readFlvVideoTag(payload, this.#tracks.video);
    if (packet) this.#videoPacket(packet, rtmpTime);
    this.#arrived('video');
  }

  /** Stops timers and drops held tags. Must be called when the connection ends. */
  close(): void {
    this.#closed = true;
    this.#cancelWait?.();
    this.#watch.close();
    this.#held = [];
  }

  #arrived(kind: MediaTag['kind']): void {
    if (this.#closed) return;
    const video = this.#video;
    if (this.#tracks[kind].hasOthers && (kind === 'video' ? video : this.#audio)) this.#watch.tracksLeftOut();
    this.#watch.arrived(kind, video ? (video.ready ? 'configured' : 'unconfigured') : 'none');
  }

  #audioPacket(packet: FlvAudioTag, rtmpTime: number): void {
    if (packet.packet === 'other') return;
    if (packet.packet === 'unsupported') {
      this.#refuseTrack('audio', unreadableAudio(packet.codec));
      return;
    }
    this.#lastAudioAt = this.#options.clock.monotonic();
    this.#videoNormaliser?.flush(rtmpTime);
    if (this.#audio?.codec !== packet.codec) {
      this.#audio = new AudioTrack(packet);
      this.#aacNormaliser = this.#newAacNormaliser();
      if (this.#has.audio) this.#audioChanged();
    }
    const hasData = packet.body.length > packet.dataOffset;
    if (packet.codec !== 'aac') {
      if (packet.packet === 'configuration') this.#audioConfiguration(packet.body, packet.dataOffset);
      else if (hasData) this.#audioFrame(this.#audio.read(packet), rtmpTime);
    } else if (packet.packet === 'configuration') this.#aacNormaliser.configure(packet.body);
    else if (hasData) {
      this.#aacNormaliser.push(packet.body, rtmpTime);
      this.#watch.audioArrived(this.#aacNormaliser.configured);
    }
  }

  #videoPacket(packet: FlvVideoTag, rtmpTime: number): void {
    if (packet.packet === 'other') return;
    const refusal =
      packet.packet === 'unsupported'
        ? unreadableVideo(packet.codec)
        : refusalOfVideo(packet.codec, this.#options.readsAv1);
    if (packet.packet === 'unsupported' || refusal !== undefined) {
      this.#refuseTrack('video', refusal ?? '');
      return;
    }
    this.#lastVideoAt = this.#options.clock.monotonic();
    if (this.#video?.codec !== packet.codec) this.#newVideo(packet.codec);
    if (packet.packet === 'configuration') this.#videoNormaliser?.configure(packet);
    else this.#videoNormaliser?.push(packet, rtmpTime);
  }

  #newVideo(codec: VideoCodec): void {
    this.#video = new VideoTrack(codec);
    this.#videoNormaliser = createVideoNormaliser(codec, {
      configuration: (body, dataOffset) => this.#videoConfiguration(codec, body, dataOffset),
      frame: (frame) => this.#videoFrame(codec, frame),
      amend: (body) => this.#amend(body),
    });
    if (this.#timeline) this.#gatherTimeline();
    // Drops earlier audio: the timeline begins with a keyframe.
    else this.#clearHeld();
  }

  #videoConfiguration(codec: VideoCodec, body: Buffer, dataOffset: number): void {
    if (this.#closed || !this.#video) return;
    this.#checkSize(this.#sizes.configuration(codec, body.subarray(dataOffset)));
    if (this.#closed) return;
    // Later frames cannot be decoded with the old configuration.
    if (this.#video.configure(body, dataOffset) && this.#timeline) this.#gatherTimeline();
  }

  #videoFrame(codec: VideoCodec, frame: VideoFrame): void {
    if (this.#closed || !this.#video) return;
    this.#checkSize(this.#sizes.frame(codec, frame.body.subarray(frame.dataOffset)));
    if (this.#closed) return;
    const { keyframe } = frame;
    const playable = this.#video.ready && (keyframe || this.#timeline !== undefined || this.#held.length > 0);
    this.#watch.picture(playable, keyframe, frame.recoveryPoint);
    if (!this.#video.ready) return;
    if (this.#timeline && keyframe && (this.#renewAtKeyframe || this.#timeline.full)) this.#gatherTimeline();
    if (this.#closed) return;
    const tag: VideoTag = Object.assign(frame, { kind: 'video' as const });
    if (!this.#timeline) this.#gatherVideo(tag);
    else this.#place(tag);
  }

  /** Replaces the first picture of the stream while it is held. */
  #amend(body: Buffer): boolean {
    const [first] = this.#held;
    if (first?.kind !== 'video') return false;
    first.body = body;
    return true;
  }

  #checkSize(size: PictureSize | undefined): void {
    if (!size || !this.#video) return;
    this.#video.codedSize = size;
    const { maxPixels } = this.#options;
    if (exceedsPixels(size, maxPixels)) this.#refuse(pictureTooLarge(size, maxPixels));
  }

  #newAacNormaliser(): AacNormaliser {
    return new AacNormaliser({
      configuration: (body) => this.#audioConfiguration(body, AAC_HEAD_BYTES),
      frame: (body, time) => this.#audioFrame(body, time),
    });
  }

  #audioConfiguration(body: Buffer, dataOffset: number): void {
    if (this.#closed || !this.#audio) return;
    if (this.#audio.configure(body, dataOffset) && this.#timeline) this.#audioChanged();
    else if (!this.#timeline) this.#startIfComplete();
  }

  #audioFrame(body: Buffer, time: number): void {
    if (this.#closed || !this.#audio?.ready) return;
    const tag: AudioTag = { kind: 'audio', time, body };
    if (!this.#timeline) this.#gatherAudio(tag);
    else if (!this.#has.audio) this.#audioChanged(tag);
    else if (!this.#renewAtKeyframe) this.#place(tag);
  }

  /** Begins a new timeline for a changed audio track; with video, at the next keyframe. */
  #audioChanged(tag?: AudioTag): void {
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
    this.#timeline?.finish(this.#placed);
    this.#timeline = undefined;
    this.#renewAtKeyframe = false;
    this.#gatheringSince = now;
    this.#watch.gathering();
    this.#clearHeld();
  }

  #clearHeld(): void {
    this.#held = [];
    this.#heldBytes = 0;
    this.#cancelWait?.();
    this.#cancelWait = undefined;
  }

  #gatherVideo(tag: VideoTag): void {
    if (this.#held.length > 0 || tag.keyframe) this.#hold(tag, WAIT_FOR_AUDIO_MS);
  }

  #gatherAudio(tag: AudioTag): void {
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
    const spanMs = timestampDistance(this.#held[0]!.time, tag.time);
    if (this.#heldBytes > MAXIMUM_HELD_BYTES || spanMs >= waitMs) this.#startTimeline();
    else this.#startIfComplete();
  }

  #startIfComplete(): void {
    // The message after the first picture may have more of its slices.
    const isWhole = this.#held.length > 1 || this.#videoNormaliser?.settled === true;
    if (this.#held[0]?.kind === 'video' && isWhole && this.#hasAudio()) this.#startTimeline();
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
    const { publication, clock } = this.#options;
    this.#has = { audio: this.#hasAudio(), video: first.kind === 'video' };
    const reorderMs = this.#has.video ? (this.#video?.reorderMs ?? 0) : 0;
    const timeline = new TimelineWriter(publication, held, reorderMs, () => clock.monotonic());
    this.#timeline = timeline;
    this.#watch.timelineStarted();
    this.#describe();
    publication.restart(this.#heldSince - timeline.offsetMs, { ...this.#has });
    if (this.#metadata) timeline.writeHeader('script', this.#metadata.body);
    const { configuration: video } = this.#video ?? {};
    const { configuration: audio } = this.#audio ?? {};
    if (this.#has.video && video) timeline.writeHeader('video', video);
    if (this.#has.audio && audio) timeline.writeHeader('audio', audio);
    for (const tag of held) {
      if (this.#timeline !== timeline) return;
      if (this.#has[tag.kind]) this.#place(tag);
    }
  }

  #place(tag: MediaTag): void {
    const timeline = this.#timeline!;
    const jumped = timeline.full && !this.#has.video ? [tag] : timeline.place(tag, this.#placed);
    if (!jumped) return;
    this.#gatherTimeline();
    for (const next of jumped) {
      if (this.#closed) return;
      if (this.#timeline) this.#place(next);
      else if (next.kind === 'video') this.#gatherVideo(next);
      else this.#gatherAudio(next);
    }
  }

  readonly #placed = (place: number, written: boolean): void => {
    if (!written) this.#watch.placed(place);
    else if (this.#timeline?.meter.takeChanged() || place - this.#describedAt >= DESCRIBE_INTERVAL_MS)
      this.#describe(place);
  };

  /** Publishes the source description when it has changed; always without `place`. */
  #describe(place?: number): void {
    const measured = this.#timeline?.meter.read();
    const encoder = this.#metadata?.encoder ?? this.#options.encoder;
    const source: Pick<SourceInfo, 'video' | 'audio' | 'encoder'> = {
      ...(encoder !== undefined && { encoder }),
      ...(this.#has.video && this.#video && { video: this.#video.describe(this.#metadata, measured?.video) }),
      ...(this.#has.audio && this.#audio && { audio: this.#audio.describe(measured?.audio) }),
    };
    const settings = settingsOf(source);
    const due = place === undefined || place - this.#describedAt >= DESCRIBE_INTERVAL_MS;
    if (!due && settings === this.#describedSettings) return;
    this.#describedSettings = settings;
    this.#describedAt = place ?? 0;
    this.#options.publication.describe(source);
  }

  /** Refuses a stream for its track; of another than the first one only the owner is told, as a readable one may follow. */
  #refuseTrack(kind: MediaTag['kind'], message: string): void {
    if (this.#tracks[kind].isFirst) this.#refuse(message);
    else this.#watch.trackUnreadable(message);
  }

  #refuse(message: string): void {
    if (this.#closed) return;
    this.close();
    this.#options.refuse(message);
  }
}
