import t from 'tap';
import { openChromium } from '../../support/clients/chromium.js';
import { PASSWORD, signInPage } from '../../support/clients/page-session.js';
import { openPage } from '../../support/clients/pages.js';
import { run, testMedia } from '../../support/media/encoder.js';
import { UploadGateway } from '../../support/recordings/upload-gateway.js';
import { until } from '../../support/until.js';

/** True when the browser shows the picture of the first entry. */
const HAS_THUMBNAIL = "document.querySelector('img.thumbnail')?.naturalWidth > 0";

t.test(
  'a video is uploaded on the dashboard, and plays on its page for those who may watch it',
  async (t) => {
    const [browser, { gateway }] = await Promise.all([
      openChromium(t),
      UploadGateway.start(t, { THUMBNAIL_EVERY: '60' }),
    ]);
    await signInPage(gateway, 'Ada', 'broadcaster');
    const media = await testMedia(8);
    const file = `${t.testdir()}/A film.mkv`;
    await run('ffmpeg', ['-v', 'error', '-i', media, '-c', 'copy', file]);

    const page = await openPage(t, browser);
    await page.goto(`${gateway.http}/dashboard`);
    await page.getByRole('button', { name: 'Sign in', exact: true }).click();
    await page.getByLabel('Name').fill('Ada');
    await page.getByLabel('Password').fill(PASSWORD);
    await page.getByRole('button', { name: 'Sign in', exact: true }).click();
    await page.getByLabel('Upload a video').setInputFiles(file);
    const link = page.getByRole('link', { name: 'A film' });
    // As `untilState`: it is transcoded at the lowest priority.
    await link.waitFor({ timeout: 90_000 });
    await page.getByText('0:08 · ').waitFor();
    await until('its thumbnail is there', () => page.evaluate<boolean>(HAS_THUMBNAIL));
    const address = `${gateway.http}${await link.getAttribute('href')}`;

    const stranger = await openPage(t, browser);
    await stranger.goto(address);
    await stranger.getByText('There is no such video, or it is private.').waitFor();

    await link.click();
    await page.getByRole('heading', { name: 'A film' }).waitFor();
    const watch = async (viewer: typeof page): Promise<number> => {
      const read = (expression: string) =>
        viewer.evaluate(`(video => { ${expression} })(document.querySelector('video'))`);
      // The player gives the element its source, which ends an earlier `play()`.
      await until('it is loaded', async () => Number(await read('return video.readyState')) > 0);
      await read('video.muted = true; return video.play();');
      await until('it plays', async () => Number(await read('return video.currentTime')) > 1.5);
      return Number(await read('return video.duration'));
    };
    const durationS = await watch(page);
    t.ok(Math.abs(durationS - 8) < 0.3, `${durationS} s`);
    const saving = page.waitForEvent('download');
    await page.getByRole('link', { name: 'Download' }).click();
    t.equal((await saving).suggestedFilename(), 'A film.mp4');

    await page.goBack();
    await page.getByLabel('Who may watch A film').selectOption('unlisted');
    await stranger.reload();
    await stranger.getByRole('heading', { name: 'A film' }).waitFor();
    t.ok((await watch(stranger)) > 7);

    await page.getByRole('button', { name: 'Delete' }).click();
    await page.getByRole('alertdialog').getByRole('button', { name: 'Delete' }).click();
    await link.waitFor({ state: 'detached' });
  },
);
