import type { Page } from 'playwright-core';
import t from 'tap';
import { openChromium } from '../../support/clients/chromium.js';
import { PASSWORD, signInPage } from '../../support/clients/page-session.js';
import { openIsolatedPage } from '../../support/clients/pages.js';
import { untilPlaying } from '../../support/clients/watch-page.js';
import { OPERATOR_TOKEN, startGatewayProcess } from '../../support/gateway/gateway-process.js';
import { tabTo, untilFocused } from '../../support/pages/keyboard.js';
import { until } from '../../support/until.js';

const [browser, gateway] = await Promise.all([
  openChromium(t, { webrtc: true, fakeDevices: true }),
  startGatewayProcess(t, { LADDER: 'off' }),
]);

async function signIn(page: Page, name: string): Promise<void> {
  await untilFocused(page, 'Name');
  await page.keyboard.type(name);
  await page.keyboard.press('Tab');
  await page.keyboard.type(PASSWORD);
  await page.keyboard.press('Enter');
}

const press = (page: Page, key: string): Promise<void> => page.keyboard.press(key);

t.test(
  'a livestream is created, broadcast, watched, moderated and deleted by the keyboard alone',
  async (t) => {
    await signInPage(gateway, 'Ada', 'broadcaster');
    const viv = await signInPage(gateway, 'Viv');
    const ada = await openIsolatedPage(t, browser, `${gateway.http}/dashboard`);
    await signIn(ada, 'Ada');
    await ada.getByText('You have no livestream yet').waitFor();
    await tabTo(ada, 'New livestream');
    await press(ada, 'Enter');
    await untilFocused(ada, 'Title');
    await ada.keyboard.type('By keys');
    await press(ada, 'Enter');
    await ada.getByRole('heading', { name: 'By keys' }).waitFor();
    await untilFocused(ada, 'New livestream');
    await tabTo(ada, 'Manage');
    await press(ada, 'Enter');
    await tabTo(ada, 'Edit');
    await press(ada, 'Enter');
    await untilFocused(ada, 'Title');
    await press(ada, 'End');
    await ada.keyboard.type(' alone');
    await press(ada, 'Enter');
    await ada.getByRole('heading', { name: 'By keys alone' }).waitFor();
    await untilFocused(ada, 'Edit');
    await tabTo(ada, 'Delete');
    await press(ada, 'Enter');
    await untilFocused(ada, 'Cancel');
    await press(ada, 'Escape');
    await untilFocused(ada, 'Delete');
    await tabTo(ada, 'Studio', 'Shift+Tab');
    await press(ada, 'Enter');

    await ada.waitForURL('**/studio/*');
    const streamId = ada.url().slice(ada.url().lastIndexOf('/') + 1);
    await ada.getByText('Press “Start Streaming” in OBS to go live.').waitFor();
    await tabTo(ada, 'OBS');
    await press(ada, 'ArrowRight');
    await untilFocused(ada, 'This browser');
    await tabTo(ada, 'Go live', 'Shift+Tab');
    await press(ada, 'Enter');
    await ada.getByText('You are live: viewers can watch.').waitFor();
    await untilFocused(ada, 'On air');

    await t.test('watch page', async (t) => {
      const answer = await fetch(`${gateway.http}/api/livestream/${streamId}/chat/moderators/${viv.userId}`, {
        method: 'PUT',
        headers: { authorization: `Bearer ${OPERATOR_TOKEN}` },
      });
      t.ok(answer.ok, `moderator: ${answer.status}`);
      const page = await openIsolatedPage(t, browser, `${gateway.http}/watch/${streamId}`);
      await untilPlaying(page);
      await page.getByRole('button', { name: 'Sign in to chat' }).waitFor();
      await tabTo(page, 'Pause');
      await tabTo(page, 'Quality');
      await tabTo(page, 'Settings');
      await press(page, 'Enter');
      await untilFocused(page, /^Delivery/);
      await press(page, 'Escape');
      await untilFocused(page, 'Settings');
      await press(page, '?');
      await untilFocused(page, 'Close');
      await press(page, 'Escape');
      await untilFocused(page, 'Settings');
      await press(page, 's');
      const stats = page.getByRole('region', { name: 'Stats for nerds' });
      await stats.waitFor();
      await tabTo(page, 'Close');
      await press(page, 'Enter');
      await stats.waitFor({ state: 'detached' });
      await untilFocused(page, 'Settings');
      await tabTo(page, 'Full screen');
      const fillsScreen = (): Promise<boolean> =>
        page.evaluate<boolean>('document.fullscreenElement !== null');
      await press(page, 'Enter');
      await until('the player fills the screen', fillsScreen);
      await untilFocused(page, 'Leave full screen');
      await press(page, 'Enter');
      await until('the page is back', async () => !(await fillsScreen()));

      await tabTo(page, 'Share');
      await press(page, 'Enter');
      await page.getByRole('dialog', { name: 'Share' }).waitFor();
      await tabTo(page, 'Copy: Link');
      await tabTo(page, 'Close');
      await press(page, 'Escape');
      await untilFocused(page, 'Share');

      await tabTo(page, 'Sign in to chat');
      await press(page, 'Enter');
      await untilFocused(page, 'Name');
      await tabTo(page, 'Cancel');
      await press(page, 'Enter');
      await untilFocused(page, 'Sign in to chat');
      await press(page, 'Enter');
      await signIn(page, 'Viv');
      await untilFocused(page, 'Message');
      await page.locator('.composer button[type=submit]:enabled').waitFor();
      await page.keyboard.type('Hello');
      await press(page, 'Enter');
      const message = page.locator('.messages bdi').getByText('Hello', { exact: true });
      await message.waitFor();
      await tabTo(page, 'Emoji');
      await press(page, 'Enter');
      await untilFocused(page, '😀');
      await press(page, 'ArrowRight');
      await press(page, 'Escape');
      await untilFocused(page, 'Message');

      const actions = 'Actions for the message of Viv';
      await tabTo(page, actions, 'Shift+Tab');
      await press(page, 'Enter');
      await untilFocused(page, 'Reply');
      await press(page, 'Escape');
      await untilFocused(page, actions);
      await press(page, 'Enter');
      await untilFocused(page, 'Reply');
      await press(page, 'ArrowUp');
      await untilFocused(page, 'Ban…');
      await press(page, 'Enter');
      await untilFocused(page, 'Ban Viv for good?');
      await press(page, 'Tab');
      t.equal(await page.getByRole('menu').count(), 0, 'Tab leaves the menu, which closes');
      await tabTo(page, actions, 'Shift+Tab');
      await press(page, 'Enter');
      await untilFocused(page, 'Reply');
      await press(page, 'ArrowDown');
      await untilFocused(page, 'Delete');
      await press(page, 'Enter');
      await message.waitFor({ state: 'detached' });
      await untilFocused(page, 'Messages');
    });

    await tabTo(ada, 'End');
    await press(ada, 'Enter');
    await untilFocused(ada, 'Cancel');
    await tabTo(ada, 'End', 'Shift+Tab');
    await press(ada, 'Enter');
    await ada.getByText('This livestream has ended for good').waitFor();
    await untilFocused(ada, 'On air');

    await tabTo(ada, 'Dashboard', 'Shift+Tab');
    await press(ada, 'Enter');
    await ada.getByRole('heading', { name: 'By keys alone' }).waitFor();
    await tabTo(ada, 'Manage');
    await press(ada, 'Enter');
    await tabTo(ada, 'Delete');
    await press(ada, 'Enter');
    await tabTo(ada, 'Delete', 'Shift+Tab');
    await press(ada, 'Enter');
    await ada.getByText('You have no livestream yet').waitFor();
  },
);
