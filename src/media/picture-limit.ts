import type { PictureSize } from './picture-size.js';

/** The largest picture of H.264 levels 5.1 and 5.2 (36,864 macroblocks of 256 pixels): 4096x2304. */
export const DEFAULT_MAX_PICTURE_PIXELS = 9_437_184;

/**
 * Pixels that a decoder may be given for pictures of up to `maxPixels`: codecs round the sides up to whole blocks
 * (1920x1080 is coded as 1920x1088), and decoders to the block size of their SIMD instructions.
 */
export function decodedPixels(maxPixels: number): number {
  return Math.ceil((maxPixels * 17) / 16);
}

/** Whether a picture of this coded size is larger than allowed. */
export function exceedsPixels({ width, height }: PictureSize, maxPixels: number): boolean {
  return width * height > decodedPixels(maxPixels);
}

/** Returns the message to a publisher whose video is larger than allowed. */
export function pictureTooLarge({ width, height }: PictureSize, maxPixels: number): string {
  const longest = Math.floor(Math.sqrt((maxPixels * 16) / 9));
  const example = `${longest}x${Math.floor(maxPixels / longest)}`;
  return `The video has ${width}x${height} pixels, more than this server takes (${maxPixels} in all, such as ${example}): choose a smaller output resolution in your streaming software.`;
}
