import type { VideoSource } from '../media/index.js';

/** The picture that the ladder of an RTP source is made for; whatever is sent is fitted into it. */
export type RtpPicture = { width: number; height: number; frameRate: number };

/** What is assumed until the source is known. */
const USUAL: RtpPicture = { width: 1280, height: 720, frameRate: 30 };
/** Frames per second that cameras and games have. */
const FRAME_RATES = [24, 25, 30, 50, 60];
/** A measured rate this near to one of those is that one. */
const NEAR = 0.04;
/** From here on a rate that is none of those is nearer to 60 than to 30. */
const FAST = 45;
/** A picture must be clearly larger (in its shorter side, or in its rate) to be worth a new run. */
const LARGER = 1.2;

/**
 * What to make a ladder for. Browsers begin with a small picture and make it larger while they find out what the network
 * takes: a new ladder for each size would take away, one after the other, the renditions that players have just begun
 * with. So the first one is made for the usual size at least, in the source's shape.
 *
 * @param before the picture so far: it never shrinks, as networks recover.
 */
export function rtpPicture(video: VideoSource | undefined, before?: RtpPicture): RtpPicture {
  const { width, height, frameRate } = video ?? {};
  const seen = width && height ? { width, height } : undefined;
  const size = before === undefined ? grown(seen) : seen && outgrows(seen, before) ? seen : before;
  const rate = Math.max(before?.frameRate ?? 0, steadyRate(frameRate));
  return { width: size.width, height: size.height, frameRate: rate };
}

/** Whether what the source sends now deserves a better ladder. */
export function wantsMore(video: VideoSource | undefined, made: RtpPicture): boolean {
  const { width, height, frameRate } = rtpPicture(video, made);
  return width !== made.width || height !== made.height || frameRate > made.frameRate * LARGER;
}

/** As large as pictures usually become. */
function grown(seen: { width: number; height: number } | undefined): { width: number; height: number } {
  if (!seen) return USUAL;
  const scale = Math.max(1, USUAL.height / Math.min(seen.width, seen.height));
  const even = (pixels: number): number => Math.round((pixels * scale) / 2) * 2;
  return { width: even(seen.width), height: even(seen.height) };
}

/** Larger, or turned. */
function outgrows(seen: { width: number; height: number }, made: RtpPicture): boolean {
  if (seen.width > seen.height !== made.width > made.height && seen.width !== seen.height) return true;
  return Math.min(seen.width, seen.height) > Math.min(made.width, made.height) * LARGER;
}

function steadyRate(measured: number | undefined): number {
  if (measured === undefined) return USUAL.frameRate;
  const near = FRAME_RATES.find((rate) => Math.abs(rate - measured) <= rate * NEAR);
  return near ?? (measured > FAST ? 60 : 30);
}
