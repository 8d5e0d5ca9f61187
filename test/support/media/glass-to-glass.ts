import type { Page } from 'playwright-core';
import { BARCODE } from '../../../scripts/bench/barcode.js';

/** What the meter saw since it was last read. */
export type GlassToGlass = {
  /** Ages of the pictures in ms when they were shown: from drawing at the camera to presentation here. */
  ages: number[];
  /** Pictures whose barcode could not be read (the picture is too small, or not from the barcode camera). */
  unreadable: number;
};

/**
 * The part that runs in the page; text, because it lives in the browser. It samples two rows in the middle of the
 * barcode, two points a cell, of each picture the video element presents.
 */
const METER = `(() => {
  const { width, cell, timeBits, sumBits } = ${JSON.stringify(BARCODE)};
  const cells = timeBits + sumBits;
  const canvas = new OffscreenCanvas(cells * 2, 2);
  const context = canvas.getContext('2d', { willReadFrequently: true });
  const meter = { ages: [], unreadable: 0 };
  window.glassToGlass = meter;
  const read = (video) => {
    const scale = video.videoWidth / width;
    context.drawImage(video, 0, cell / 4 * scale, cells * cell * scale, cell / 2 * scale, 0, 0, cells * 2, 2);
    const { data } = context.getImageData(0, 0, cells * 2, 1);
    const white = (index) => data[index * 8] + data[index * 8 + 4] > 255;
    let time = 0, sum = 0, check = 0;
    for (let bit = 0; bit < timeBits; bit++) if (white(bit)) { time += 2 ** bit; sum += bit + 1; }
    for (let bit = 0; bit < sumBits; bit++) if (white(timeBits + bit)) check += 2 ** bit;
    return check === sum % 2 ** sumBits ? time : undefined;
  };
  const watch = (video) => {
    video.requestVideoFrameCallback(() => {
      const time = read(video);
      if (time === undefined) meter.unreadable++;
      else meter.ages.push(performance.timeOrigin + performance.now() - time);
      watch(video);
    });
  };
  watch(document.querySelector('video'));
})()`;

/** Starts to measure in a page that plays the barcode camera: glass to glass, of every picture its video shows. */
export async function startLatencyMeter(page: Page): Promise<void> {
  await page.evaluate(METER);
}

/** What was measured since the last reading. Camera and page must run on one machine: they share its clock. */
export async function readLatencyMeter(page: Page): Promise<GlassToGlass> {
  return await page.evaluate<GlassToGlass>(
    '(() => { const { ages, unreadable } = window.glassToGlass; window.glassToGlass.ages = []; window.glassToGlass.unreadable = 0; return { ages, unreadable }; })()',
  );
}

/** The value below which the share `p` (0 to 1) of the samples lies; NaN without samples. */
export function quantile(samples: readonly number[], p: number): number {
  const sorted = samples.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * p))] ?? Number.NaN;
}
