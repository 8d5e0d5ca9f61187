/** Codecs a publisher may send. */
export type VideoCodec = 'h264' | 'hevc' | 'av1' | 'vp9' | 'vp8';
export type AudioCodec = 'aac' | 'mp3' | 'opus' | 'pcm' | 'speex' | 'ac3' | 'eac3' | 'flac';

/** Properties of the video source. Fields appear as they become known. */
export type VideoSource = {
  codec: VideoCodec;
  /** Pixels. */
  width?: number;
  height?: number;
  /** Frame rate, frames/s, announced by the encoder or measured. */
  frameRate?: number;
  /** Bitrate over the last seconds, bits/s. */
  bitrate?: number;
  /** Keyframe interval, seconds: the longest of the last few. */
  keyframeInterval?: number;
  /** Frames that the encoder dropped since it connected, estimated from gaps between timestamps. */
  droppedFrames?: number;
  /** Frames arrive in decode order that differs from presentation order (B-frames). */
  bFrames?: boolean;
  /** Profile of H.264 (profile_idc), where the decoder configuration is known. */
  profile?: number;
};

export type AudioSource = {
  codec: AudioCodec;
  /** Sample rate, Hz. */
  sampleRate?: number;
  channels?: number;
  /** Bitrate over the last seconds, bits/s. */
  bitrate?: number;
};

/** Properties of the publisher's source, shown to the broadcaster and the base for choosing the ladder. */
export type SourceInfo = {
  protocol: 'rtmp' | 'rtmps' | 'whip';
  /** Encoder name, as the encoder sends it. */
  encoder?: string;
  video?: VideoSource;
  audio?: AudioSource;
};

/** Picture of a connected publisher of RTP: `late` may become a pause, for which viewers see a slate. */
export type PictureState = 'flowing' | 'late' | 'paused';
