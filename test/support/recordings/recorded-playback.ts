import type { Test } from 'tap';
import { openChromium } from '../clients/chromium.js';
import { openPage } from '../clients/pages.js';
import { until } from '../until.js';
import { probeFile, type RecordingGateway } from './recording-gateway.js';

/** Asserts that every file plays to its end. @returns the number of frames of all files */
export async function assertPlayable(t: Test, recorder: RecordingGateway, id: string): Promise<number> {
  let frames = 0;
  for (const file of recorder.files({ id })) {
    const probed = await probeFile(file);
    t.ok(probed.isMonotonic, `${file}: monotonic`);
    frames += probed.frames;
  }
  return frames;
}

/** Speed at which Chromium plays. */
const PLAYBACK_RATE = 8;

/** Plays a recording on its page to its end. */
export async function assertPlayedToEnd(t: Test, { gateway }: RecordingGateway, id: string): Promise<void> {
  const browser = await openChromium(t);
  const page = await openPage(t, browser);
  const read = (expression: string): Promise<unknown> =>
    page.evaluate(`(video => ${expression})(document.querySelector('video'))`);
  await page.goto(`${gateway.http}/recordings/${id}`);
  await until('it plays', async () => Number(await read('video?.currentTime')) > 0);
  await read(`{ video.muted = true; video.playbackRate = ${PLAYBACK_RATE}; void video.play(); }`);
  await until('it is played to its end', async () => (await read('video.ended')) === true, 60_000);
  const durationS = Number(await read('video.duration'));
  const playedS = Number(
    await read(
      '[...Array(video.played.length).keys()].reduce((sum, at) => sum + video.played.end(at) - video.played.start(at), 0)',
    ),
  );
  t.ok(playedS > durationS - 1, `${playedS} of ${durationS} s are played`);
}
