import { readFileSync } from 'node:fs';
import t from 'tap';
import { openChromium } from '../../support/clients/chromium.js';
import { openPage } from '../../support/clients/pages.js';
import { OPERATOR_TOKEN } from '../../support/gateway/gateway-process.js';
import { publish, testMedia } from '../../support/media/encoder.js';
import { RecordingGateway } from '../../support/recordings/recording-gateway.js';
import { until } from '../../support/until.js';

t.test('a recording has rights of its own, in every form of it', async (t) => {
  const recorder = await RecordingGateway.start(t, { THUMBNAIL_EVERY: '2' });
  const { gateway } = recorder;
  const livestream = await recorder.createRecorded();
  const encoder = publish(t, await testMedia(60), livestream.rtmp);
  await recorder.untilSeconds(livestream, 6);
  await encoder.stop();
  await recorder.end(livestream);
  const ready = await recorder.untilReady(livestream);
  const folder = `${gateway.http}/recordings/${ready.id}`;
  const status = async (path: string, headers = {}): Promise<number> => {
    const response = await fetch(`${folder}/${path}`, { headers });
    await response.body?.cancel();
    return response.status;
  };
  await until('it has a poster', async () => (await status('poster.jpg')) === 200);
  await until('it has previews', async () => (await status('sprites/0.jpg')) === 200);
  const rendition =
    /\/([^/]+)\/index\.m3u8/.exec(await (await fetch(`${folder}/index.m3u8`)).text())?.[1] ?? '';
  const media = await (await fetch(`${folder}/${rendition}/index.m3u8`)).text();
  const segment = /^s\d+\.m4s/m.exec(media)?.[0] ?? '';
  const init = /init-\d+\.mp4/.exec(media)?.[0] ?? '';
  t.ok(segment && init, media);
  const forms = [
    ...['index.m3u8', 'index.mpd', 'download.mp4', 'sprites.vtt', 'sprites/0.jpg', 'poster.jpg'],
    ...['index.m3u8', init, segment, init.replace('init', 'file')].map((name) => `${rendition}/${name}`),
  ];
  const statuses = async (headers = {}): Promise<number[]> =>
    await Promise.all(forms.map((form) => status(form, headers)));
  const all = (expected: number): number[] => forms.map(() => expected);
  const choose = async (visibility: string): Promise<void> => {
    const { status, body } = await recorder.request('PATCH', `/api/recordings/${ready.id}`, { visibility });
    t.equal(status, 200, JSON.stringify(body));
  };
  t.strictSame(await statuses(), all(200));

  await choose('private');
  t.strictSame(await statuses(), all(404), 'a private recording of a public livestream');
  const headers = { authorization: `Bearer ${OPERATOR_TOKEN}` };
  const own = await (await fetch(`${folder}/index.m3u8`, { headers })).text();
  const token = /\?v=([\w-]+)/.exec(own)?.[1];
  t.ok(token, own);
  for (const form of forms)
    t.equal(
      await status(`${form}?v=${token}`, ['index.m3u8', 'index.mpd'].includes(form) ? headers : {}),
      200,
      form,
    );
  t.strictSame(await recent(), []);

  await gateway.api('PATCH', `/${livestream.streamId}`, { visibility: 'private' });
  await choose('public');
  t.strictSame(await statuses(), all(200), 'a public recording of a private livestream');
  t.strictSame(await recent(), [ready.id]);
  const named = await fetch(`${folder}/download.mp4`, { method: 'HEAD' });
  t.equal((await recorder.request('PATCH', `/api/recordings/${ready.id}`, { title: 'Concert' })).status, 200);
  const renamed = await fetch(`${folder}/download.mp4`, { method: 'HEAD' });
  t.notMatch(named.headers.get('content-disposition'), /Concert/);
  t.match(renamed.headers.get('content-disposition'), /filename="Concert\.mp4"/);

  const browser = await openChromium(t);
  const page = await openPage(t, browser);
  await page.goto(gateway.http);
  await page.getByRole('heading', { name: 'Recent recordings' }).waitFor();
  await page.getByRole('link', { name: /Concert/ }).click();
  await page.getByRole('heading', { name: 'Concert' }).waitFor();
  t.equal(new URL(page.url()).pathname, `/recordings/${ready.id}`);
  await until(
    'the page plays it',
    async () => ((await page.evaluate('document.querySelector("video").currentTime')) as number) > 1,
  );
  const [download] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('link', { name: 'Download' }).click(),
  ]);
  t.equal(download.suggestedFilename(), 'Concert.mp4');
  t.ok(readFileSync(await download.path()).length > 100_000);

  await gateway.api('PATCH', `/${livestream.streamId}`, { visibility: 'public' });
  await page.goto(livestream.watch);
  await page.getByRole('heading', { name: 'Recordings' }).waitFor();
  await page.getByRole('link', { name: /Concert/ }).waitFor();
  await choose('private');
  await page.goto(`${gateway.http}/recordings/${ready.id}`);
  await page.getByText('There is no recording at this address').waitFor();

  async function recent(): Promise<string[]> {
    const answer = await fetch(`${gateway.http}/api/recordings/recent`);
    return ((await answer.json()) as { recordings: { id: string }[] }).recordings.map(({ id }) => id);
  }
});
