import type { AudioSource, VideoSource } from '../../media/index.js';
import { finiteWithin } from '../../platform/index.js';
import type { ExpectedMedia, LivestreamLadder, Rendition } from '../../streams/index.js';

/** Configured rendition. */
export type Rung = {
  /** Shorter side in pixels: lines in landscape, columns in portrait. */
  height: number;
  /** Bits per second for 16:9 at 30 fps. */
  bitrate: number;
};

/** Default ladder below the source. */
export const DEFAULT_LADDER: readonly Rung[] = [
  { height: 1080, bitrate: 4_500_000 },
  { height: 720, bitrate: 2_500_000 },
  { height: 480, bitrate: 1_200_000 },
  { height: 360, bitrate: 700_000 },
  { height: 240, bitrate: 350_000 },
];

/** Encoded video rendition. */
export type EncodedVideo = {
  id: string;
  passthrough: false;
  /** Even pixels; undefined when the source's size is unknown and kept. */
  size: { width: number; height: number } | undefined;
  frameRate: number | undefined;
  /** Encodes every n-th of the frames that the ladder takes. */
  frameStep: number;
  /** Bits per second. */
  bitrate: number;
  /** Pixels per second: the relative cost of encoding. */
  cost: number;
};

/** Passed-through video. */
export type PassedVideo = { id: string; passthrough: true; frameRate: number | undefined };

/** Audio rendition; `bitrate` in bits per second. */
type LadderAudio = { id: 'audio'; passthrough: boolean; bitrate: number; channels: 1 | 2 };

export type Ladder = {
  /** Best first; empty without video. */
  video: (EncodedVideo | PassedVideo)[];
  audio: LadderAudio | undefined;
  /** Keyframes of encoded renditions: at the source's, or clocked. */
  keyframes: 'source' | 'clock';
  /** Encodes every n-th frame. */
  frameStep: number;
};

export type LadderRequest = {
  video: VideoSource | undefined;
  audio: AudioSource | undefined;
  rungs: readonly Rung[] | 'off';
  /** The livestream's own ladder, in place of `rungs`. */
  ownRungs?: LivestreamLadder | undefined;
  /** Bits per second of the stereo rendition. */
  audioBitrateBps: number;
  /** The source's video may be passed through. */
  passthrough: boolean;
  /** The source's audio may be passed through, unless the video is encoded; it is encoded by default. */
  audioPassthrough?: boolean;
  /** Name of the best rendition; by default from its lines. */
  best?: string;
  /** Renditions removed to reduce load. */
  shed: ReadonlySet<string>;
};

/** Allowed keyframe interval of a passed-through source, seconds. */
export const KEYFRAME_INTERVAL = { least: 0.9, most: 4 } as const;

/** Maximum size of a rung relative to the source. */
const MAXIMUM_RUNG_SHARE = 0.8;
const NOMINAL_FRAME_RATE = 30;
/** Measured rates deviate. */
const FRAME_RATE_TOLERANCE = 1.02;
/** Maximum frame rate of encoders; faster sources lose frames. */
export const MAXIMUM_FRAME_RATE = 60.5;
/** Bounds of what is believed of a source: frames per second, pixels of a side, bits per second. */
const SOURCE_FRAME_RATE = { min: 1, max: 300 } as const;
const MAXIMUM_SIDE = 16_384;
const MAXIMUM_SOURCE_BITRATE = 1_000_000_000;
const WIDESCREEN = 16 / 9;
/** Minimum for H.264 macroblocks and chroma. */
const MINIMUM_SIDE = 16;
/** Exponents of the bit rate over pixels and frames: less than proportional, as neighbours are similar. */
const BITRATE_GROWTH = 0.75;
const FRAME_RATE_GROWTH = 0.585;
const MINIMUM_BITRATE = 100_000;
/** H.264 levels 3.1, 4, 4.2 and 5.1 in hexadecimal, with the pixels and bits per second of each. */
const LEVELS = [
  { level: '1f', pixelsPerS: 27_648_000, bitrate: 14_000_000 },
  { level: '28', pixelsPerS: 62_668_800, bitrate: 20_000_000 },
  { level: '2a', pixelsPerS: 133_693_440, bitrate: 50_000_000 },
] as const;
const HIGHEST_LEVEL = '33';
/** Codec string of AAC-LC (RFC 6381). */
const AAC_LC = 'mp4a.40.2';
/** Maximum rate of an encoder relative to its bitrate. */
export const MAXIMUM_RATE_SHARE = 1.1;
const UNKNOWN_SIZE = { width: 1280, height: 720 };

/** Scales to a shorter side of `lines`, in even numbers, without enlarging. */
export function scaled(width: number, height: number, lines: number): { width: number; height: number } {
  const factor = lines / Math.min(width, height);
  const even = (pixels: number): number =>
    Math.max(MINIMUM_SIDE, Math.min(Math.round((pixels * factor) / 2), Math.floor(pixels / 2)) * 2);
  return { width: even(width), height: even(height) };
}

/** Interpolates bits per second from the configured rungs for a frame size and rate. */
export function bitrateFor(
  size: { width: number; height: number },
  frameRate: number | undefined,
  rungs: readonly Rung[],
): number {
  const pixels = size.width * size.height;
  const area = (rung: Rung): number => rung.height * rung.height * WIDESCREEN;
  const nearest = [...rungs].sort(
    (a, b) => Math.abs(Math.log(area(a) / pixels)) - Math.abs(Math.log(area(b) / pixels)),
  )[0];
  if (!nearest) return MINIMUM_BITRATE;
  const forFrames = ((frameRate ?? NOMINAL_FRAME_RATE) / NOMINAL_FRAME_RATE) ** FRAME_RATE_GROWTH;
  return nearest.bitrate * (pixels / area(nearest)) ** BITRATE_GROWTH * Math.max(0.5, forFrames);
}

function passable(video: VideoSource): boolean {
  if (video.codec !== 'h264') return false;
  const interval = video.keyframeInterval;
  if (interval === undefined) return true;
  return interval >= KEYFRAME_INTERVAL.least && interval <= KEYFRAME_INTERVAL.most + 0.1;
}

/** Returns how many frames become one, so that no more than `mostPerS` are left; 1 when the rate is unknown. */
function stepTo(frameRate: number | undefined, mostPerS: number): number {
  return Math.max(1, Math.ceil((frameRate ?? 0) / (mostPerS * FRAME_RATE_TOLERANCE)));
}

/** Chooses the ladder of a source. Pure. */
export function chooseLadder(request: LadderRequest): Ladder {
  const { video, audio, shed } = request;
  const passthrough = video !== undefined && request.passthrough && passable(video);
  const sound: Ladder['audio'] = audio && {
    id: 'audio',
    // Copied audio would be ahead of encoded video by more than the packager queues.
    passthrough: (passthrough || !video) && (request.audioPassthrough ?? false),
    bitrate: audio.channels === 1 ? Math.round(request.audioBitrateBps / 2) : request.audioBitrateBps,
    channels: audio.channels === 1 ? 1 : 2,
  };
  if (!video) return { video: [], audio: sound, keyframes: 'clock', frameStep: 1 };

  const sourceRate = finiteWithin(video.frameRate, SOURCE_FRAME_RATE.min, SOURCE_FRAME_RATE.max, undefined);
  const frameStep = Math.max(1, Math.ceil((sourceRate ?? 0) / MAXIMUM_FRAME_RATE));
  const frameRate = sourceRate === undefined ? undefined : sourceRate / frameStep;
  const { ownRungs } = request;
  const rungs = ownRungs ?? (request.rungs === 'off' ? [] : request.rungs);
  const width = finiteWithin(video.width, 1, MAXIMUM_SIDE, undefined);
  const height = finiteWithin(video.height, 1, MAXIMUM_SIDE, undefined);
  const known = width && height ? { width, height } : undefined;
  const lines = known && Math.min(known.width, known.height);
  const id = request.best ?? (lines ? `${lines}p` : 'source');
  const most = finiteWithin(video.bitrate, 1, MAXIMUM_SOURCE_BITRATE, Number.POSITIVE_INFINITY);

  const encoded = (
    name: string,
    size: EncodedVideo['size'],
    share: number,
    own?: LivestreamLadder[number],
  ): EncodedVideo => {
    const picture = size ?? UNKNOWN_SIZE;
    const step = own?.frameRate === undefined ? 1 : stepTo(frameRate, own.frameRate);
    const rate = frameRate === undefined ? undefined : frameRate / step;
    const wanted = own?.bitrate ?? bitrateFor(picture, rate, rungs.length > 0 ? rungs : DEFAULT_LADDER);
    const least = Math.min(own?.bitrate ?? MINIMUM_BITRATE, MINIMUM_BITRATE);
    return {
      id: name,
      passthrough: false,
      size,
      frameRate: rate,
      frameStep: step,
      bitrate: Math.round(Math.max(least, Math.min(wanted, most * share))),
      cost: picture.width * picture.height * (rate ?? NOMINAL_FRAME_RATE),
    };
  };

  const top: EncodedVideo | PassedVideo = passthrough
    ? { id, passthrough: true, frameRate: video.frameRate }
    : encoded(id, known && scaled(known.width, known.height, lines ?? 0), 1);
  const below =
    !known || !lines
      ? []
      : [...rungs]
          .filter(({ height }) => (ownRungs ? height < lines : height <= lines * MAXIMUM_RUNG_SHARE))
          .filter(({ height }) => `${height}p` !== id)
          .sort((a, b) => b.height - a.height)
          .map((rung) => {
            const size = scaled(known.width, known.height, rung.height);
            return encoded(`${rung.height}p`, size, MAXIMUM_RUNG_SHARE, ownRungs && rung);
          });
  const offered = [top, ...below].filter((rendition) => rendition.passthrough || !shed.has(rendition.id));
  return {
    video: offered.length > 0 ? offered : [below.at(-1) ?? top],
    audio: sound,
    keyframes: passthrough ? 'source' : 'clock',
    frameStep,
  };
}

/**
 * Returns what an encoder will make of a rendition, at most: H.264 high profile, of a level (ITU-T H.264, A.3) that is
 * not below that of the encoder. Undefined when the size is unknown.
 */
function expectedVideo(video: EncodedVideo | PassedVideo): ExpectedMedia | undefined {
  if (video.passthrough || !video.size) return undefined;
  const { size, cost, bitrate } = video;
  const level =
    LEVELS.find((one) => cost <= one.pixelsPerS && bitrate <= one.bitrate)?.level ?? HIGHEST_LEVEL;
  return {
    kind: 'video',
    ...size,
    codec: `avc1.6400${level}`,
    bitrate: Math.round(bitrate * MAXIMUM_RATE_SHARE),
  };
}

function expectedAudio({ passthrough, bitrate, channels }: LadderAudio): ExpectedMedia | undefined {
  if (passthrough) return undefined;
  return { kind: 'audio', codec: AAC_LC, bitrate: Math.round(bitrate * MAXIMUM_RATE_SHARE), channels };
}

/** Whether all renditions of a ladder can be suspended. */
export function maySuspend({ video, audio }: Ladder): boolean {
  return video.every((one) => expectedVideo(one)) && (!audio || expectedAudio(audio) !== undefined);
}

/** Lists the renditions as subscribers of the broadcast see them. */
export function renditionsOf(ladder: Ladder): Rendition[] {
  const renditions = ladder.video.map((video): Rendition => {
    const { id, passthrough, frameRate } = video;
    const expected = expectedVideo(video);
    const frameStep = video.passthrough ? 1 : video.frameStep;
    return {
      ...{ id, kind: 'video', passthrough },
      ...(frameRate === undefined ? {} : { frameRate }),
      ...(frameStep === 1 ? {} : { frameStep }),
      ...(expected ? { expected } : {}),
    };
  });
  const { audio } = ladder;
  if (audio) {
    const { id, passthrough } = audio;
    const expected = expectedAudio(audio);
    renditions.push({ id, kind: 'audio', passthrough, ...(expected ? { expected } : {}) });
  }
  return renditions;
}

/** Describes the ladder for the log. */
export function describedLadder(ladder: Ladder): { video: string[]; audio: string; keyframes: string } {
  const video = ladder.video.map(({ id, passthrough }) => (passthrough ? `${id} (passed through)` : id));
  const audio = !ladder.audio ? 'none' : ladder.audio.passthrough ? 'passed through' : 'encoded';
  return { video, audio, keyframes: ladder.keyframes };
}
