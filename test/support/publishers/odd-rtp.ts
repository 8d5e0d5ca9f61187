import type { Browser } from 'playwright-core';
import type { Test } from 'tap';
import { openPage } from '../clients/pages.js';
import { shownPictures, watchFromPage } from '../clients/whep-page.js';
import type { GatewayProcess } from '../gateway/gateway-process.js';
import { recordStrictly, statusOf } from '../gateway/odd-source.js';
import { assertInSync } from '../media/hls-recording.js';
import { until } from '../until.js';
import { RtpPublisher, type RtpPublisherOptions } from './rtp-publisher.js';

const RECORDED_S = 6;
/** Pictures that a browser must show: two groups of pictures. */
const SHOWN_PICTURES = 120;

export type OddRtp = RtpPublisherOptions & {
  /** Time after which everything must play, ms since the start; 0 by default. */
  playsAfterMs?: number;
  /** Beeps to be found in the recording; all by default. */
  minimumFlashes?: number;
};

/** Asserts that a source plays by WebRTC in Chromium, and by HLS in sync, for viewers who join late. */
export async function assertRtpPlays(
  t: Test,
  gateway: GatewayProcess,
  browser: Browser,
  { playsAfterMs = 0, minimumFlashes = RECORDED_S - 2, ...options }: OddRtp,
): Promise<void> {
  const livestream = await gateway.createLivestream();
  const publisher = await RtpPublisher.start(t, gateway, livestream, options);
  await gateway.untilLive(livestream);
  await until('the source is as odd as it becomes', () => publisher.ms > playsAfterMs);
  const page = await openPage(t, browser);
  await watchFromPage(page, gateway, livestream.streamId);
  await until('a browser shows pictures by WebRTC', async () => (await shownPictures(page)) > 0);
  const recording = await recordStrictly(t, livestream);
  await assertInSync(t, recording, minimumFlashes);
  await until('it shows the next ones', async () => (await shownPictures(page)) > SHOWN_PICTURES);
  t.strictSame((await statusOf(gateway, livestream)).notices, []);
  const { source } = await statusOf(gateway, livestream);
  t.match(source, { video: { width: 320, height: 180 } });
  // Counted by marker bits it would be 0, or 4 times as many; arrivals on a busy machine vary.
  const { frameRate = 0 } = source?.video ?? {};
  t.ok(frameRate > 15 && frameRate < 60, `${frameRate} frames per second`);
}
