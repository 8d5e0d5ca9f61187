import type { Locator, Page } from 'playwright-core';
import t from 'tap';
import { openChromium } from '../../support/clients/chromium.js';
import { PASSWORD } from '../../support/clients/page-session.js';
import { openIsolatedPage } from '../../support/clients/pages.js';
import { chooseDelivery, playback, untilPlaying } from '../../support/clients/watch-page.js';
import { startGatewayProcess } from '../../support/gateway/gateway-process.js';
import { appearedMs, RECORD_MESSAGES } from '../../support/pages/message-times.js';
import { until } from '../../support/until.js';

/** Latency by HLS and by WebRTC differs by more than this, s. */
const LATER_S = 0.5;

const press = (within: Page | Locator, name: string): Promise<void> =>
  within.getByRole('button', { name, exact: true }).click();

async function say(page: Page, message: string): Promise<void> {
  await page.getByLabel('Message', { exact: true }).fill(message);
  await press(page, 'Send');
}

async function createAccount(page: Page, name: string): Promise<void> {
  await page.getByLabel('Name').fill(name);
  await page.getByLabel('Password').fill(PASSWORD);
  await press(page, 'Create the account');
}

async function untilVideoPlays(page: Page): Promise<void> {
  const position = "document.querySelector('video')?.currentTime ?? 0";
  await until('it plays', async () => (await page.evaluate<number>(position)) > 0.5);
}

t.test(
  'from the setup link over an invitation, a livestream of the studio, chat and a clip to the recording',
  async (t) => {
    const [browser, gateway] = await Promise.all([
      openChromium(t, { webrtc: true, fakeDevices: true }),
      startGatewayProcess(t, {
        ...{ LADDER: 'off', REGISTRATION: 'invitation', DVR_WINDOW: '300', RECORDINGS_MIN_FREE: '0' },
      }),
    ]);
    const link = await until('the link is printed', () => /http:\S+\/setup#\S+/.exec(gateway.output)?.[0]);
    const { origin } = new URL(link);
    const ada = await openIsolatedPage(t, browser, link);
    await createAccount(ada, 'Ada');
    await ada.getByText('You are signed in as Ada.').waitFor();

    /** Invites a person, who makes an account with the link, in a browser of their own. */
    const invite = async (name: string, role: string): Promise<Page> => {
      await ada.goto(`${origin}/admin`);
      await ada.getByLabel('They may').selectOption(role);
      await press(ada, 'Create a link');
      const page = await openIsolatedPage(
        t,
        browser,
        await ada.getByLabel('Link for one person', { exact: true }).inputValue(),
      );
      await createAccount(page, name);
      await page.getByText(`You are signed in as ${name}.`).waitFor();
      return page;
    };
    const bob = await invite('Bob', 'broadcaster');
    const cay = await invite('Cay', 'viewer');
    const dan = await invite('Dan', 'viewer');

    await bob.goto(`${origin}/dashboard`);
    await press(bob, 'New livestream');
    await bob.getByLabel('Title').fill('A concert');
    await bob.getByLabel('Record every broadcast').check();
    await press(bob, 'Create the livestream');
    await press(bob, 'Manage');
    const moderators = bob.getByRole('group', { name: 'Moderators' });
    await moderators.getByLabel('Name').fill('Dan');
    await press(moderators, 'Appoint: Moderators');
    await moderators.getByText('Dan').waitFor();
    await bob.getByRole('link', { name: 'Studio', exact: true }).click();
    await bob.getByRole('tab', { name: 'This browser' }).click();
    await bob.getByLabel('Resolution').selectOption('360p');
    await bob.getByLabel(/^Three sizes at once/).uncheck();
    await press(bob, 'Go live');
    await bob.getByText('You are live: viewers can watch.').waitFor();

    await dan.goto(origin);
    await dan.getByRole('link', { name: 'A concert' }).first().click();
    await untilPlaying(dan);
    t.equal((await playback(dan)).delivery, 'webrtc');
    await cay.goto(dan.url());
    await chooseDelivery(cay, 'hls');
    await until('it is played by HLS', async () => (await playback(cay)).delivery === 'hls');
    await untilPlaying(cay);
    await bob.getByText('2 watching').first().waitFor();

    for (const page of [dan, bob, cay]) {
      await page.getByText('Nothing was said yet.').waitFor();
      await page.evaluate(RECORD_MESSAGES);
    }
    await say(bob, 'Good evening');
    const [soonMs, lateMs] = await Promise.all([
      appearedMs(dan, 'Good evening'),
      appearedMs(cay, 'Good evening'),
    ]);
    const [near, far] = await Promise.all([playback(dan), playback(cay)]);
    const laterS = far.latencyS! - near.latencyS!;
    t.ok(laterS > LATER_S, `HLS is ${laterS} s later`);
    t.ok((lateMs - soonMs) / 1_000 > laterS / 2, `read ${lateMs - soonMs} ms later beside HLS`);
    await say(cay, 'From behind');
    await Promise.all([dan, bob].map((page) => appearedMs(page, 'From behind')));
    await say(cay, 'Rude words');
    await Promise.all([bob, dan].map((page) => appearedMs(page, 'Rude words')));
    const rude = dan.locator('.messages li').filter({ hasText: 'Rude words' });
    await rude.getByRole('button', { name: 'Actions' }).click();
    await rude.getByRole('menuitem', { name: 'Delete' }).click();
    for (const page of [dan, bob, cay])
      await page.locator('.messages').getByText('Rude words').waitFor({ state: 'detached' });

    await press(dan, 'Clip');
    const dialog = dan.getByRole('dialog', { name: 'Make a clip' });
    await dialog.getByLabel('Title').fill('Good evening');
    await dialog.getByLabel('Seconds up to now').fill('5');
    await press(dialog, 'Make the clip');
    await dan.waitForURL(/\/clips\/[0-9a-f-]{36}$/);
    await untilVideoPlays(dan);
    await dan.goBack();
    await untilPlaying(dan);

    await press(bob, 'End');
    await press(bob.getByRole('alertdialog'), 'End');
    await bob.getByText('This livestream has ended for good').waitFor();
    for (const page of [dan, cay]) {
      await page.getByRole('button', { name: 'Watch the recording' }).click();
      await untilVideoPlays(page);
      await page.getByRole('complementary', { name: 'Chat replay' }).waitFor();
    }
  },
);
