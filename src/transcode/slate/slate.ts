import type { TrackInit } from '../../media/index.js';
import type { SlateCodec } from '../../streams/index.js';

/** Video rendition that shows a slate. */
export type SlateRendition = {
  id: string;
  /** Even pixels. */
  width: number;
  height: number;
  /** Bits per second at most. */
  bitrate: number;
};

export type SlateRequest = {
  /** Best first; at least one. */
  renditions: readonly SlateRendition[];
  /** Pictures in one segment; each segment begins with a keyframe. */
  picturesPerSegment: number;
  segmentDurationS: number;
  codec: SlateCodec;
  /** Of H.264. */
  profile: 'baseline' | 'high';
};

export type SlatePicture = { data: Buffer; sync: boolean };

/** Video of one rendition. Its pictures are repeated in turn. */
export type SlateTrack = {
  /** Of H.264 alone. */
  init: TrackInit | undefined;
  pictures: readonly SlatePicture[];
};

/** Encoded slate, by rendition id. All tracks have as many pictures, in whole segments. */
export type Slate = ReadonlyMap<string, SlateTrack>;
