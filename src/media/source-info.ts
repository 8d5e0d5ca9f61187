/** Codecs a publisher may send, by the names that people know them by. */
export type VideoCodec = 'h264' | 'hevc' | 'av1' | 'vp9' | 'vp8';
export type AudioCodec = 'aac' | 'mp3' | 'opus' | 'pcm' | 'speex' | 'ac3' | 'flac';

/** What is known of the picture that arrives. Fields appear as they are found out. */
export type VideoSource = {
  codec: VideoCodec;
  /** Pixels. */
  width?: number;
  height?: number;
  /** Frames per second, announced by the encoder or measured. */
  frameRate?: number;
  /** Bits per second, measured over the last seconds. */
  bitrate?: number;
  /** Seconds between the last keyframes (the longest of the last few). */
  keyframeInterval?: number;
  /** Frames that the encoder left out since it connected, as far as the times of the others tell. */
  droppedFrames?: number;
  /** Frames arrive in another order than they are shown in. */
  bFrames?: boolean;
};

export type AudioSource = {
  codec: AudioCodec;
  /** Hz. */
  sampleRate?: number;
  channels?: number;
  /** Bits per second, measured over the last seconds. */
  bitrate?: number;
};

/** What a publisher sends: shown to the broadcaster and the base for choosing the ladder. */
export type SourceInfo = {
  protocol: 'rtmp' | 'rtmps' | 'whip';
  /** The encoder's own name, as it gives it. */
  encoder?: string;
  video?: VideoSource;
  audio?: AudioSource;
};
