import t from 'tap';
import { openChromium } from '../../support/clients/chromium.js';
import { PASSWORD, signInPage } from '../../support/clients/page-session.js';
import { openPage } from '../../support/clients/pages.js';
import { startGatewayProcess } from '../../support/gateway/gateway-process.js';
import { publish, testMedia } from '../../support/media/encoder.js';
import { until } from '../../support/until.js';

t.test(
  'a broadcaster creates, edits, publishes, sends on, records and deletes livestreams on the dashboard',
  async (t) => {
    const [browser, gateway] = await Promise.all([
      openChromium(t),
      startGatewayProcess(t, { LADDER: 'off', RECORDINGS_MIN_FREE: '0', RECONNECT_GRACE: '0' }),
    ]);
    const { userId, request } = await signInPage(gateway, 'Ada', 'broadcaster').then((session) => ({
      userId: session.userId,
      request: session.request.bind(session),
    }));
    const page = await openPage(t, browser);
    const press = (name: string) => page.getByRole('button', { name, exact: true }).click();
    await page.goto(`${gateway.http}/dashboard`);
    await press('Sign in');
    await page.getByLabel('Name').fill('Ada');
    await page.getByLabel('Password').fill(PASSWORD);
    await press('Sign in');
    await page.getByText('You have no livestream yet').waitFor();

    const title = `<i>שלום</i> ${'long '.repeat(20)}`;
    await press('New livestream');
    await page.getByLabel('Title').fill(title);
    await page.getByLabel('Who may watch').selectOption('unlisted');
    await page.getByLabel('Record every broadcast').check();
    await press('Create the livestream');
    const card = page
      .getByRole('listitem')
      .filter({ has: page.getByRole('heading', { name: title.trim() }) });
    await card.waitFor();
    type Streams = {
      streams: { id: string; title: string; visibility: string; recordingEnabled: boolean }[];
    };
    const listed = async () =>
      (await request('GET', `/api/livestream/user/${userId}`)).body as unknown as Streams;
    t.match((await listed()).streams, [
      { title: title.trim(), visibility: 'unlisted', recordingEnabled: true },
    ]);

    await press('Manage');
    await press('Edit');
    await page.getByLabel('Title').fill('Concert');
    await page.getByLabel('Choose them for this livestream').check();
    await page.getByLabel('Lines').nth(1).fill('720');
    await press('Save');
    await page.getByText('must be lower than those of the rendition before it').waitFor();
    await page.getByLabel('Lines').nth(1).fill('240');
    await page.getByLabel('Frames/s').nth(1).fill('15');
    await press('Save');
    await page.getByRole('heading', { name: 'Concert' }).waitFor();
    const edited = { title: 'Concert', visibility: 'unlisted', recordingEnabled: true };
    const ladder = [
      { height: 720, bitrate: 2_500_000 },
      { height: 240, bitrate: 700_000, frameRate: 15 },
    ];
    t.match((await listed()).streams, [{ ...edited, ladder }]);

    const addTarget = async (address: string): Promise<void> => {
      await page.getByLabel('Platform', { exact: true }).fill('Other');
      await page.getByLabel('Address', { exact: true }).fill(address);
      await page.getByLabel('Key of the platform').fill('key-of-the-platform');
      await press('Add');
    };
    await addTarget('rtmp://127.0.0.1/live');
    await page.getByText('does not connect to this address').waitFor();
    await addTarget('rtmp://platform.invalid/live');
    const target = page.getByRole('listitem').getByRole('listitem').filter({ hasText: 'Other' });
    await target.getByText('On: it begins with the broadcast').waitFor();
    await target.getByRole('button', { name: 'Switch off' }).click();
    await target.getByText('Off', { exact: true }).waitFor();
    await target.getByRole('button', { name: 'Delete' }).click();
    await target.getByRole('alertdialog').getByRole('button', { name: 'Delete' }).click();
    await target.waitFor({ state: 'detached' });

    await press('New stream key');
    await page.getByRole('alertdialog').getByRole('button', { name: 'New stream key' }).click();
    const key = page.getByRole('listitem').getByLabel('Stream key', { exact: true });
    const server = page.getByRole('listitem').getByLabel('Server', { exact: true });
    const encoder = publish(t, await testMedia(60), `${await server.inputValue()}/${await key.inputValue()}`);
    await page.getByText('Live', { exact: true }).waitFor();
    const [stream] = (await listed()).streams;
    await until('something is recorded', async () => {
      const { body } = await request('GET', `/api/livestream/${stream?.id}/recordings`);
      return (body as { recordings: { durationS: number }[] }).recordings.some(
        ({ durationS }) => durationS > 1,
      );
    });
    await encoder.stop();
    await page.getByText('Ended', { exact: true }).waitFor();
    await press('Less');
    await press('Manage');
    const recordings = page.getByRole('listitem').getByRole('listitem');
    t.match(await recordings.textContent(), /0:0\d · /);
    await recordings.getByRole('button', { name: 'Delete' }).click();
    await recordings.getByRole('alertdialog').getByRole('button', { name: 'Delete' }).click();
    await recordings.waitFor({ state: 'detached' });

    await press('Delete');
    await page.getByRole('alertdialog').getByRole('button', { name: 'Delete' }).click();
    await page.getByText('You have no livestream yet').waitFor();
    t.same((await listed()).streams, []);
  },
);
