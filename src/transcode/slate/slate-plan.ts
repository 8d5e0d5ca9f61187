import {
  h264ConfigurationOf,
  readH264ParameterSets,
  type SourceInfo,
  type VideoSource,
} from '../../media/index.js';
import { finiteWithin } from '../../platform/index.js';
import type { Rendition, SlateCodec, WebrtcSlate } from '../../streams/index.js';
import { type Ladder, scaled } from '../hls/ladder.js';
import type { Slate, SlateRequest, SlateTrack } from './slate.js';

/** Renditions that a publication has at its end. */
export type ShownLadder = {
  ladder: Ladder;
  video: VideoSource | undefined;
  /** Of copied audio, Hz: silence has the same. Undefined: audio is encoded. */
  audioSampleRate: number | undefined;
  /** Unix ms at which its media end. */
  mediaEndMs: number;
};

/** Describes the renditions of a publication for its slate. */
export function shownLadder(
  ladder: Ladder,
  { video, audio }: Pick<SourceInfo, 'video' | 'audio'>,
  mediaEndMs: number,
): ShownLadder {
  return {
    ladder,
    video,
    audioSampleRate: ladder.audio?.passthrough ? audio?.sampleRate : undefined,
    mediaEndMs,
  };
}

/** Renders a slate for such renditions; undefined when there is no picture. */
export type RenderSlate = (
  shown: ShownLadder,
  signal: AbortSignal,
) => Promise<{ slate: Slate; request: SlateRequest } | undefined>;

/** Time after the last request of an HLS viewer for which a slate is made, ms. */
export const WATCHED_MS = 30_000;
/** Bounds of a slate's frame rate, frames per second, and the rate for a source whose rate is unknown. */
const FRAME_RATE = { min: 2, max: 60, unknown: 30 } as const;
/** Slate of WebRTC viewers: few pictures, as each is a packet; keyframes for those who join or lose packets. */
const WEBRTC = { frameRate: 15, keyframeIntervalS: 2, maximumLines: 720, bitrate: 1_500_000 } as const;
/** Limit for a copied rendition whose bitrate is unknown, bits/s. */
const UNKNOWN_BITRATE = 4_000_000;
const MAXIMUM_BITRATE = 20_000_000;

/**
 * Plans a slate with the renditions of a ladder, in their sizes, and at the source's frame rate: the durations of parts,
 * which players were told, stay. Undefined without video, or while a size is unknown.
 */
export function planSlate(
  { ladder, video: source }: Pick<ShownLadder, 'ladder' | 'video'>,
  segmentDurationS: number,
): SlateRequest | undefined {
  const renditions = ladder.video.map((video) => {
    const { width, height } = (video.passthrough ? source : video.size) ?? {};
    const bitrate = video.passthrough ? source?.bitrate : video.bitrate;
    if (width === undefined || height === undefined) return undefined;
    return { id: video.id, width, height, bitrate: boundedBitrate(bitrate) };
  });
  const known = renditions.filter((rendition) => rendition !== undefined);
  if (known.length === 0 || known.length < renditions.length) return undefined;
  if (known.some(({ width, height }) => width % 2 !== 0 || height % 2 !== 0)) return undefined;
  const frameRate = finiteWithin(
    ladder.video[0]?.frameRate,
    FRAME_RATE.min,
    FRAME_RATE.max,
    FRAME_RATE.unknown,
  );
  const picturesPerSegment = Math.round(frameRate * segmentDurationS);
  return { renditions: known, picturesPerSegment, segmentDurationS, codec: 'h264', profile: 'high' };
}

function boundedBitrate(bitrate: number | undefined): number {
  return Math.round(finiteWithin(bitrate, 100_000, MAXIMUM_BITRATE, UNKNOWN_BITRATE));
}

/** Lists the renditions of a run that shows a slate. */
export function slateRenditions(
  { renditions, picturesPerSegment, segmentDurationS }: SlateRequest,
  audio: Ladder['audio'],
): Rendition[] {
  const frameRate = picturesPerSegment / segmentDurationS;
  const listed = renditions.map(
    ({ id }): Rendition => ({ id, kind: 'video', passthrough: false, frameRate }),
  );
  if (audio) listed.push({ id: audio.id, kind: 'audio', passthrough: audio.passthrough });
  return listed;
}

/** Plans the slate of WebRTC viewers, in the size of the source or less. Undefined while that is unknown. */
export function planWebrtcSlate(
  source: VideoSource | undefined,
  codec: SlateCodec,
): SlateRequest | undefined {
  const { width, height } = source ?? {};
  if (width === undefined || height === undefined) return undefined;
  const size = scaled(width, height, Math.min(width, height, WEBRTC.maximumLines));
  return {
    renditions: [{ id: 'webrtc', ...size, bitrate: WEBRTC.bitrate }],
    picturesPerSegment: WEBRTC.frameRate * WEBRTC.keyframeIntervalS,
    segmentDurationS: WEBRTC.keyframeIntervalS,
    ...{ codec, profile: 'baseline' },
  };
}

/** Turns a track into what the SFU sends. @returns undefined when its configuration cannot be read */
export function webrtcSlate({ init, pictures }: SlateTrack, request: SlateRequest): WebrtcSlate | undefined {
  const { codec } = request;
  const configuration = init && h264ConfigurationOf(init);
  const parameterSets = codec === 'h264' ? configuration && readH264ParameterSets(configuration) : [];
  return (
    parameterSets && {
      ...{ codec, parameterSets },
      pictures: pictures.map(({ data }) => data),
      pictureDurationMs: (request.segmentDurationS * 1000) / request.picturesPerSegment,
    }
  );
}
