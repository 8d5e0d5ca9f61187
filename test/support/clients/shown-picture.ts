import type { Page } from 'playwright-core';

/** Runs in the page; as text, because browser types are not declared here. Points beside the sentence of a slate. */
const POINTS = `(() => {
  const video = document.querySelector('video');
  if (!video || video.videoWidth === 0) return [];
  const canvas = document.createElement('canvas');
  canvas.width = 8;
  canvas.height = 8;
  const context = canvas.getContext('2d');
  context.drawImage(video, 0, 0, 8, 8);
  return [0, 2, 5, 7].flatMap((x) => [0, 1, 6, 7].map((y) => [...context.getImageData(x, y, 1, 1).data].slice(0, 3)));
})()`;

/** Returns colours (red, green, blue) of 16 points of the picture that a page shows. */
export async function shownPicture(page: Page): Promise<number[][]> {
  return await page.evaluate<number[][]>(POINTS);
}

/** Whether all points have this grey, as pictures of one colour have it after encoding. */
export function isGrey(points: readonly number[][], from: number, to: number): boolean {
  return points.length > 0 && points.every((point) => point.every((value) => value >= from && value <= to));
}
