import type { Page } from 'playwright-core';
import t from 'tap';
import { openChromium } from '../../support/clients/chromium.js';
import { openIsolatedPage } from '../../support/clients/pages.js';
import { untilPageHolds } from '../../support/fixtures/watch-page-fixture.js';
import { OPERATOR_TOKEN, startGatewayProcess } from '../../support/gateway/gateway-process.js';
import { until } from '../../support/until.js';

/** True when the list is scrolled to its end. */
const AT_THE_END = `(({ scrollHeight, scrollTop, clientHeight }) => scrollHeight - scrollTop - clientHeight < 2)(
  document.querySelector('.messages'))`;
const PASSWORD = 'correct horse battery';
const XSS = '<img src=x onerror="window.hacked = 1">';

const [browser, gateway] = await Promise.all([
  openChromium(t),
  startGatewayProcess(t, { REGISTRATION: 'open' }),
]);

/** Requests with the operator token. */
const api = (method: string, path: string, body?: object): Promise<Response> =>
  fetch(`${gateway.http}/api/${path}`, {
    method,
    headers: {
      authorization: `Bearer ${OPERATOR_TOKEN}`,
      ...(body ? { 'content-type': 'application/json' } : {}),
    },
    ...(body ? { body: JSON.stringify(body) } : {}),
  });

async function signUp(page: Page, name: string): Promise<void> {
  await page.getByRole('button', { name: 'Sign in to chat' }).click();
  await page.getByRole('button', { name: 'New here' }).click();
  await page.getByLabel('Name').fill(name);
  await page.getByLabel('Password').fill(PASSWORD);
  await page.getByRole('button', { name: 'Make the account' }).click();
  await page.locator('.who').getByText(name, { exact: true }).waitFor();
}

async function post(page: Page, text: string): Promise<void> {
  await page.getByLabel('Message', { exact: true }).fill(text);
  await page.getByRole('button', { name: 'Send' }).click();
}

const messageOf = (page: Page, text: string) =>
  page.locator('.messages bdi').getByText(text, { exact: true });
const errorShown = (page: Page, text: RegExp) => page.locator('.chat .error').getByText(text).waitFor();

t.test('chat messages are shown as text, and moderators delete them and mute their senders', async (t) => {
  const livestream = await gateway.createLivestream();
  const ann = await openIsolatedPage(t, browser, livestream.watch);
  const ben = await openIsolatedPage(t, browser, livestream.watch);
  await ann.getByText('Nothing was said yet.').waitFor();
  t.equal(await ann.getByLabel('Message', { exact: true }).count(), 0, 'anonymous viewers cannot write');

  await signUp(ann, 'Ann');
  await post(ann, XSS);
  await messageOf(ben, XSS).waitFor();
  await messageOf(ann, XSS).waitFor();
  await post(ann, 'Hello');
  await messageOf(ben, 'Hello').waitFor();
  t.same(await ben.locator('.messages bdi').allTextContents(), [XSS, 'Hello'], 'in order');
  t.equal(await ben.locator('.messages strong').first().textContent(), 'Ann');
  for (const page of [ann, ben]) {
    t.equal(await page.locator('.messages img').count(), 0);
    t.equal(await page.evaluate('window.hacked'), undefined);
  }
  t.equal(await ben.getByRole('button', { name: 'Actions' }).count(), 0, 'anonymous viewers cannot moderate');

  // An appointed moderator can moderate without reconnecting.
  await signUp(ben, 'Ben');
  const me = await ben.evaluate<{ user: { id: string } }>(
    "fetch('/api/auth/me').then((answer) => answer.json())",
  );
  const { streamId } = livestream;
  const appointed = await api('PUT', `livestream/${streamId}/chat/moderators/${me.user.id}`);
  t.ok(appointed.ok, `moderator: ${appointed.status}`);
  const xss = ben.locator('.messages li').filter({ hasText: XSS });
  await xss.getByRole('button', { name: 'Actions' }).click();
  await xss.getByRole('menuitem', { name: 'Delete' }).click();
  await messageOf(ann, XSS).waitFor({ state: 'detached' });
  await messageOf(ben, XSS).waitFor({ state: 'detached' });

  const message = ben.locator('.messages li').filter({ hasText: 'Hello' });
  await message.getByRole('button', { name: 'Actions' }).click();
  await message.getByRole('menuitem', { name: 'Time out for 10 minutes' }).click();
  await until('the sender sees the reason', async () => {
    await post(ann, 'Can you hear me?');
    await ann.waitForTimeout(300);
    return await ann.locator('.chat .error').textContent();
  });
  await errorShown(ann, /may not write|banned|silenced|until/i);
  t.equal(
    await ann.getByLabel('Message', { exact: true }).inputValue(),
    'Can you hear me?',
    'the message stays in the input',
  );
});

t.test(
  'after a restart of the gateway the chat continues without missing or duplicate messages',
  async (t) => {
    const livestream = await gateway.createLivestream();
    const cay = await openIsolatedPage(t, browser, livestream.watch);
    const dan = await openIsolatedPage(t, browser, livestream.watch);
    await signUp(cay, 'Cay');
    await post(cay, 'before');
    await messageOf(dan, 'before').waitFor();
    await gateway.kill('SIGKILL');
    await gateway.start();
    const answer = await api('POST', `livestream/${livestream.streamId}/chat`, { message: 'meanwhile' });
    t.equal(answer.status, 201, await answer.text());
    await messageOf(dan, 'meanwhile').waitFor();
    await cay.locator('.composer button[type=submit]:enabled').waitFor();
    await post(cay, 'after');
    await messageOf(dan, 'after').waitFor();
    for (const page of [cay, dan])
      t.same(await page.locator('.messages bdi').allTextContents(), ['before', 'meanwhile', 'after']);
  },
);

t.test('viewers reply, mention and react, and slow mode counts down', async (t) => {
  const livestream = await gateway.createLivestream();
  const { streamId } = livestream;
  const fay = await openIsolatedPage(t, browser, livestream.watch);
  const gus = await openIsolatedPage(t, browser, livestream.watch);
  await signUp(fay, 'Fay Lee');
  await signUp(gus, 'Gus');
  await post(fay, 'Who is there?');
  await messageOf(gus, 'Who is there?').waitFor();

  const question = gus.locator('.messages li').filter({ hasText: 'Who is there?' });
  await question.getByRole('button', { name: 'Actions' }).click();
  await gus.getByRole('menuitem', { name: 'Reply' }).click();
  t.equal(await gus.getByLabel('Message', { exact: true }).inputValue(), '@Fay Lee ');
  await gus.keyboard.type('me');
  await gus.keyboard.press('Enter');
  const marked = fay.locator('.messages li.mentions-me');
  await marked.getByText('@Fay Lee', { exact: true }).waitFor();
  await gus.getByLabel('Message', { exact: true }).fill('@f');
  await gus.getByRole('button', { name: '@Fay Lee' }).click();
  t.equal(await gus.getByLabel('Message', { exact: true }).inputValue(), '@Fay Lee ');

  await gus.getByRole('button', { name: 'Emoji' }).click();
  await gus.getByRole('dialog', { name: 'Emoji' }).getByRole('button', { name: '🚀' }).click();
  t.equal(await gus.getByLabel('Message', { exact: true }).inputValue(), '@Fay Lee 🚀');
  await gus.keyboard.press('Escape');
  await gus.getByRole('button', { name: 'React with 🔥' }).click();
  for (const page of [gus, fay]) await page.getByRole('button', { name: 'React with 🔥, 1 now' }).waitFor();

  t.ok((await api('PATCH', `livestream/${streamId}/chat/settings`, { slowMode: 30 })).ok);
  await fay.getByText('One message each 30 s.').waitFor();
  await post(fay, 'slowly');
  await fay
    .locator('.composer')
    .getByRole('button', { name: /^[23]\d s$/ })
    .waitFor();
  t.ok(await fay.locator('.composer button[type=submit]').isDisabled());
});

t.test('a moderator opens a poll, viewers vote once, and all see the results', async (t) => {
  const livestream = await gateway.createLivestream();
  const { streamId } = livestream;
  const hal = await openIsolatedPage(t, browser, livestream.watch);
  const ida = await openIsolatedPage(t, browser, livestream.watch);
  await signUp(hal, 'Hal');
  await signUp(ida, 'Ida');
  const me = await hal.evaluate<{ user: { id: string } }>(
    "fetch('/api/auth/me').then((answer) => answer.json())",
  );
  t.ok((await api('PUT', `livestream/${streamId}/chat/moderators/${me.user.id}`)).ok);
  await hal.getByRole('button', { name: 'New poll' }).click();
  await hal.getByLabel('Question').fill('<b>Which map?</b>');
  await hal.getByLabel('Answer 1').fill('The old one');
  await hal.getByLabel('Answer 2').fill('The new one');
  await hal.getByRole('button', { name: 'Start the poll' }).click();
  const poll = ida.getByRole('region', { name: 'Poll' });
  await poll.getByText('<b>Which map?</b>').waitFor();
  await poll.getByRole('button', { name: 'The new one' }).click();
  await poll.getByText('The new one ✓').waitFor();
  t.equal(await poll.getByRole('button').count(), 0, 'one vote');
  await hal.getByText('1 vote', { exact: true }).waitFor();
  await hal.getByRole('button', { name: 'Close the poll' }).click();
  await poll.getByText('The poll is closed.').waitFor();
  t.match(await poll.locator('li.leading').textContent(), /The new one ✓100 %/);
  await poll.getByRole('button', { name: 'Close' }).click();
  await poll.waitFor({ state: 'detached' });
});

t.test('older messages load while scrolling back, and few of many are in the document', async (t) => {
  const livestream = await gateway.createLivestream();
  const count = 420;
  for (let number = 0; number < count; number++) {
    const answer = await api('POST', `livestream/${livestream.streamId}/chat`, { message: `No. ${number}` });
    if (answer.status !== 201) t.fail(await answer.text());
  }
  const page = await openIsolatedPage(t, browser, livestream.watch);
  await messageOf(page, `No. ${count - 1}`).waitFor();
  await untilPageHolds(page, AT_THE_END);
  t.equal(await page.locator('.messages bdi').count(), 50);
  await until('the first message is there', async () => {
    await page.evaluate("document.querySelector('.messages').scrollTop = 0");
    return (await messageOf(page, 'No. 0').count()) > 0;
  });
  t.ok((await page.locator('.messages bdi').count()) < count / 2, 'those out of sight are left out');
  const numbers = (await page.locator('.messages bdi').allTextContents()).map((text) =>
    Number(text.slice(4)),
  );
  t.strictSame(
    numbers,
    numbers.toSorted((one, other) => one - other),
  );

  await api('POST', `livestream/${livestream.streamId}/chat`, { message: 'news' });
  await page.getByRole('button', { name: '1 new message' }).click();
  await messageOf(page, 'news').waitFor();
  await untilPageHolds(page, AT_THE_END);
});

t.test('an invitee of a private stream signs in on its watch page and watches', async (t) => {
  const { streamId } = await gateway.createLivestream('Rehearsal');
  await api('PATCH', `livestream/${streamId}`, { visibility: 'private' });
  const made = await api('POST', 'auth/register', { name: 'Eve', password: PASSWORD, role: 'viewer' });
  const { user } = (await made.json()) as { user: { id: string } };
  t.ok((await api('PUT', `livestream/${streamId}/guests/${user.id}`)).ok);
  const page = await openIsolatedPage(t, browser, `${gateway.http}/watch/${streamId}`);
  await page.getByText(/no stream at this address/).waitFor();
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByLabel('Name').fill('Eve');
  await page.getByLabel('Password').fill('wrong wrong wrong');
  await page.locator('.sign-in').getByRole('button', { name: 'Sign in' }).click();
  await page.locator('.sign-in .error').getByText(/./).waitFor();
  await page.getByLabel('Password').fill(PASSWORD);
  await page.locator('.sign-in').getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('heading', { name: 'Rehearsal' }).waitFor();
  await page.locator('.composer button[type=submit]:enabled').waitFor();
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.getByText(/no stream at this address/).waitFor();
  // The page is loaded anew after a sign-out, which may come later than the refusal.
  await untilPageHolds(page, `sessionStorage.getItem('viewer ${streamId}') === null`);
});

t.test('the watch page fits a phone and a wide screen', async (t) => {
  const livestream = await gateway.createLivestream();
  for (const message of ['Hello', 'W'.repeat(300), 'Good evening '.repeat(20).trim()]) {
    const answer = await api('POST', `livestream/${livestream.streamId}/chat`, { message });
    t.equal(answer.status, 201, await answer.text());
  }
  for (const [width, height] of [
    [390, 844],
    [1280, 720],
  ] as const) {
    const page = await openIsolatedPage(t, browser, 'about:blank');
    await page.setViewportSize({ width, height });
    await page.goto(livestream.watch);
    await page.getByRole('button', { name: 'Sign in to chat' }).waitFor();
    await messageOf(page, 'Hello').waitFor();
    const overflow = 'document.documentElement.scrollWidth > document.documentElement.clientWidth';
    t.notOk(await page.evaluate(overflow), `no horizontal overflow at ${width} px`);
    const [player, chat] = [
      await page.locator('.player').boundingBox(),
      await page.locator('.chat').boundingBox(),
    ];
    t.ok(player && chat);
    if (!player || !chat) return;
    if (width < 800)
      t.ok(chat.y >= player.y + player.height && player.width > width * 0.8, 'below the video');
    else t.ok(chat.x >= player.x + player.width && player.width > width * 0.55, 'beside the video');
    t.ok(chat.height >= 250, 'the message list is high enough');
    await untilPageHolds(page, AT_THE_END);
  }
});
