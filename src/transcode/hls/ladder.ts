import type { AudioSource, VideoSource } from '../../media/index.js';
import type { Rendition } from '../../streams/index.js';

/** One encoded version as the operator configures it. */
export type Rung = {
  /** Lines of a landscape picture; of a portrait one, its columns: the shorter side in pixels. */
  height: number;
  /** Bits per second for a 16:9 picture at 30 frames per second. */
  bitrate: number;
};

/** What is offered below the source unless the operator says otherwise. */
export const DEFAULT_LADDER: readonly Rung[] = [
  { height: 1080, bitrate: 4_500_000 },
  { height: 720, bitrate: 2_500_000 },
  { height: 480, bitrate: 1_200_000 },
  { height: 360, bitrate: 700_000 },
  { height: 240, bitrate: 350_000 },
];

/** A video rendition that is made by an encoder. */
export type EncodedVideo = {
  id: string;
  passthrough: false;
  /** Pixels, even; undefined when the source's size is not known: it is kept then. */
  size: { width: number; height: number } | undefined;
  frameRate: number | undefined;
  /** Bits per second. */
  bitrate: number;
  /** Pixels per second: what it costs to make, compared with the others. */
  cost: number;
};

/** The source's picture as it arrived. */
export type PassedVideo = { id: string; passthrough: true; frameRate: number | undefined };

export type Ladder = {
  /** The best first. Empty for a stream without a picture. */
  video: (EncodedVideo | PassedVideo)[];
  audio: { id: 'audio'; bitrate: number; channels: 1 | 2 } | undefined;
  /** Where the encoded renditions get their keyframes: where the source has them, or by the clock. */
  keyframes: 'source' | 'clock';
  /** Only every n-th picture is encoded. */
  pictureStep: number;
};

export type LadderRequest = {
  video: VideoSource | undefined;
  audio: AudioSource | undefined;
  rungs: readonly Rung[] | 'off';
  /** Bits per second of the stereo rendition. */
  audioBitrate: number;
  /** The source's own picture may be passed on. False once it has shown that it should not. */
  passthrough: boolean;
  /** What the best rendition is called; by default, after the lines of its picture. */
  best?: string;
  /** Renditions that were given up to save work. */
  shed: ReadonlySet<string>;
};

/** Seconds between keyframes that a passed-through source may have. */
export const KEYFRAME_INTERVAL = { least: 0.9, most: 4 } as const;

/** A rung must be clearly smaller than the source to be worth its work. */
const LARGEST_SHARE = 0.8;
const NOMINAL_FRAME_RATE = 30;
/** Faster sources are thinned out for encoders, frames per second. */
export const HIGHEST_FRAME_RATE = 60.5;
const WIDESCREEN = 16 / 9;
/** H.264 macroblocks and chroma need it; below this nothing can be seen anyway. */
const SMALLEST_SIDE = 16;
/** How bits grow with pixels and with frames: less than in proportion, as neighbours resemble each other. */
const GROWTH = 0.75;
const FRAME_RATE_GROWTH = 0.585;
const LEAST_BITRATE = 100_000;
const UNKNOWN_SIZE = { width: 1280, height: 720 };

/** The same picture with the shorter side `lines` long, in even numbers, and not larger than it was. */
export function scaled(width: number, height: number, lines: number): { width: number; height: number } {
  const factor = lines / Math.min(width, height);
  const even = (pixels: number): number =>
    Math.max(SMALLEST_SIDE, Math.min(Math.round((pixels * factor) / 2), Math.floor(pixels / 2)) * 2);
  return { width: even(width), height: even(height) };
}

/** Bits per second for a picture, read off the configured rungs and carried over to its size and frame rate. */
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
  if (!nearest) return LEAST_BITRATE;
  const forFrames = ((frameRate ?? NOMINAL_FRAME_RATE) / NOMINAL_FRAME_RATE) ** FRAME_RATE_GROWTH;
  return nearest.bitrate * (pixels / area(nearest)) ** GROWTH * Math.max(0.5, forFrames);
}

function passable(video: VideoSource): boolean {
  if (video.codec !== 'h264') return false;
  const interval = video.keyframeInterval;
  if (interval === undefined) return true;
  return interval >= KEYFRAME_INTERVAL.least && interval <= KEYFRAME_INTERVAL.most + 0.1;
}

/** Chooses what is made of a source. Pure: the same request always gives the same ladder. */
export function chooseLadder(request: LadderRequest): Ladder {
  const { video, audio, shed } = request;
  const sound: Ladder['audio'] = audio && {
    id: 'audio',
    bitrate: audio.channels === 1 ? Math.round(request.audioBitrate / 2) : request.audioBitrate,
    channels: audio.channels === 1 ? 1 : 2,
  };
  if (!video) return { video: [], audio: sound, keyframes: 'clock', pictureStep: 1 };

  const passthrough = request.passthrough && passable(video);
  const pictureStep = Math.max(1, Math.ceil((video.frameRate ?? 0) / HIGHEST_FRAME_RATE));
  const frameRate = video.frameRate === undefined ? undefined : video.frameRate / pictureStep;
  const rungs = request.rungs === 'off' ? [] : request.rungs;
  const known = video.width && video.height ? { width: video.width, height: video.height } : undefined;
  const lines = known && Math.min(known.width, known.height);
  const id = request.best ?? (lines ? `${lines}p` : 'source');
  const most = video.bitrate ?? Number.POSITIVE_INFINITY;

  const encoded = (name: string, size: EncodedVideo['size'], share: number): EncodedVideo => {
    const picture = size ?? UNKNOWN_SIZE;
    const wanted = bitrateFor(picture, frameRate, rungs.length > 0 ? rungs : DEFAULT_LADDER);
    return {
      id: name,
      passthrough: false,
      size,
      frameRate,
      bitrate: Math.round(Math.max(LEAST_BITRATE, Math.min(wanted, most * share))),
      cost: picture.width * picture.height * (frameRate ?? NOMINAL_FRAME_RATE),
    };
  };

  const top: EncodedVideo | PassedVideo = passthrough
    ? { id, passthrough: true, frameRate: video.frameRate }
    : encoded(id, known && scaled(known.width, known.height, lines ?? 0), 1);
  const below =
    !known || !lines
      ? []
      : [...rungs]
          .filter((rung) => rung.height <= lines * LARGEST_SHARE)
          .sort((a, b) => b.height - a.height)
          .map((rung) => {
            const size = scaled(known.width, known.height, rung.height);
            return encoded(`${rung.height}p`, size, LARGEST_SHARE);
          });
  const offered = [top, ...below].filter((rendition) => rendition.passthrough || !shed.has(rendition.id));
  return {
    video: offered.length > 0 ? offered : [below.at(-1) ?? top],
    audio: sound,
    keyframes: passthrough ? 'source' : 'clock',
    pictureStep,
  };
}

/** The ladder as the hall and its other guests see it. */
export function renditionsOf(ladder: Ladder): Rendition[] {
  const renditions: Rendition[] = ladder.video.map(({ id, passthrough, frameRate }) =>
    frameRate === undefined
      ? { id, kind: 'video', passthrough }
      : { id, kind: 'video', passthrough, frameRate },
  );
  if (ladder.audio) renditions.push({ id: ladder.audio.id, kind: 'audio', passthrough: false });
  return renditions;
}

/** The ladder for the log. */
export function describedLadder(ladder: Ladder): { video: string[]; audio: boolean; keyframes: string } {
  const video = ladder.video.map(({ id, passthrough }) => (passthrough ? `${id} (passed through)` : id));
  return { video, audio: ladder.audio !== undefined, keyframes: ladder.keyframes };
}
