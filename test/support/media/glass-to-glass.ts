import type { Page } from 'playwright-core';
import { BARCODE } from '../../../scripts/bench/barcode.js';

/** Measurements since the last reading. */
export type GlassToGlass = {
  /** Latency of each frame, ms: from drawing at the camera to presentation. */
  ages: number[];
  /** Frames without a readable barcode (too small, or not from the barcode camera). */
  unreadable: number;
};

/**
 * Script of the page, as text. Samples two rows in the middle of the
 * barcode, two points a cell, of each frame that the video element presents.
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

/** Starts to measure glass-to-glass latency of every frame in a page that plays the barcode camera. */
export async function startLatencyMeter(page: Page): Promise<void> {
  await page.evaluate(METER);
}

/** Reads and resets the measurements. Camera and page must share one machine's clock. */
export async function readLatencyMeter(page: Page): Promise<GlassToGlass> {
  return await page.evaluate<GlassToGlass>(
    '(() => { const { ages, unreadable } = window.glassToGlass; window.glassToGlass.ages = []; window.glassToGlass.unreadable = 0; return { ages, unreadable }; })()',
  );
}

/** Quantile `p` (0 to 1) of the samples; NaN without samples. */
export function quantile(samples: readonly number[], p: number): number {
  const sorted = samples.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * p))] ?? Number.NaN;
}
