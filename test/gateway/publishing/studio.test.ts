import t from 'tap';
import { openChromium } from '../../support/clients/chromium.js';
import { signInPage } from '../../support/clients/page-session.js';
import { openPage } from '../../support/clients/pages.js';
import { startGatewayProcess } from '../../support/gateway/gateway-process.js';
import { healthOf } from '../../support/publishers/ingest-health.js';
import { until } from '../../support/until.js';

/** Measurements in which nothing must be found, s. */
const OBSERVED_S = 15;

t.test(
  'a broadcaster tests in the studio, goes live without reconnecting, and the broadcast ends',
  async (t) => {
    const gateway = await startGatewayProcess(t, { LADDER: 'off' });
    const browser = await openChromium(t, { webrtc: true, fakeDevices: true });
    const anna = await signInPage(gateway, 'anna', 'broadcaster');
    const created = await anna.request('POST', '/api/livestream/create', { title: 'A test' });
    const streamId = String(created.body.streamId);
    const context = await browser.newContext();
    const [name = '', value = ''] = anna.headers.cookie.split('=');
    await context.addCookies([{ name, value, url: gateway.http }]);
    const page = await openPage(t, context);
    await page.goto(`${gateway.http}/studio/${streamId}`);

    const stateFor = async (headers: Record<string, string>): Promise<number> =>
      (await fetch(`${gateway.http}/api/livestream/${streamId}`, { headers })).status;
    const goLive = page.getByRole('button', { name: 'Go live' });
    await page.getByText('Go live to see how your stream does.').waitFor();
    await page.getByText('Press “Start Streaming” in OBS to go live.').waitFor();
    await page.getByRole('tab', { name: 'This browser' }).click();
    await goLive.waitFor();
    await page.getByLabel(/^Test first/).check();
    await page.getByRole('button', { name: 'Start the test' }).click();
    await page.getByText('Private test: nobody else can watch.').waitFor();
    await page.getByRole('button', { name: 'Show the picture that viewers get' }).click();
    const picture = page.getByLabel('The picture that viewers get');
    await until('the picture plays', () =>
      picture.evaluate((video: { videoWidth: number }) => video.videoWidth > 0),
    );
    await page.getByRole('button', { name: 'Hide the picture' }).click();
    t.equal(await stateFor({}), 404, 'nobody else can watch');
    t.equal(await stateFor(anna.headers), 200);

    const publication = async () =>
      (await gateway.api<{ stream: { startedAt: string } }>('GET', `/${streamId}`)).stream.startedAt;
    const startedAt = await publication();
    await goLive.click();
    await page.getByText('You are live: viewers can watch.').waitFor();
    t.equal(await stateFor({}), 200);
    t.equal(await publication(), startedAt, 'the broadcast goes on');
    await page.getByText('0 watching').waitFor();
    await page.getByText('Nothing was said yet.').waitFor();
    await page.getByText('Nothing is wrong with your stream.').waitFor();
    const shown = page.getByRole('img', { name: /^Bitrate: video 0\.\d+, audio 0\.\d+ Mbit\/s$/ });
    await shown.locator('canvas').waitFor();
    const health = await until('it is observed', async () => {
      const now = await healthOf(gateway, { streamId });
      return now.series.at.length >= OBSERVED_S && now;
    });
    t.same([...health.findings, ...health.pastFindings], []);
    t.ok(
      health.series.frameRate!.slice(-5).every((rate) => Number(rate) > 5),
      `${health.series.frameRate}`,
    );
    t.ok(
      health.series.roundTripMs!.some((ms) => ms !== null && ms < 1_000),
      'Chromium answers reference times',
    );
    t.ok(
      health.series.audioLevel!.some((level) => level !== null && level > -60),
      'it tells the level of its sound',
    );

    await page.getByRole('button', { name: 'Stop sending' }).click();
    await page.getByText('viewers wait until you send again').waitFor();
    await page.getByRole('button', { name: 'Send again' }).click();
    await page.getByText('You are live: viewers can watch.').waitFor();
    await page.getByRole('button', { name: 'End', exact: true }).click();
    await page.getByRole('alertdialog').getByRole('button', { name: 'End', exact: true }).click();
    await page.getByText('This livestream has ended for good').waitFor();
  },
);
