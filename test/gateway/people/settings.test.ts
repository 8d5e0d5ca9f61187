import t from 'tap';
import { openChromium } from '../../support/clients/chromium.js';
import { PASSWORD, signInPage } from '../../support/clients/page-session.js';
import { openPage } from '../../support/clients/pages.js';
import { startGatewayProcess } from '../../support/gateway/gateway-process.js';

const NEW_PASSWORD = 'staple of horses';

t.test('an account invites, changes its password, ends sessions and tokens, and is deleted', async (t) => {
  const [browser, gateway] = await Promise.all([openChromium(t), startGatewayProcess(t)]);
  const elsewhere = await signInPage(gateway, 'Ada', 'admin');
  const page = await openPage(t, browser);
  const press = (name: string) => page.getByRole('button', { name, exact: true }).click();
  const section = (name: string) => page.getByRole('region', { name });
  const signIn = async (password: string): Promise<void> => {
    await press('Sign in');
    await page.getByLabel('Name').fill('Ada');
    await page.getByLabel('Password').fill(password);
    await press('Sign in');
  };
  await page.goto(`${gateway.http}/admin`);
  await page.getByText('Sign in as an administrator').waitFor();
  await signIn(PASSWORD);

  await page.getByLabel('They may').selectOption('viewer');
  await press('Create a link');
  const link = await page.getByLabel('Link for one person', { exact: true }).inputValue();
  const invited = await openPage(t, await browser.newContext());
  await invited.goto(link);
  await invited.getByLabel('Name').fill('Vera');
  await invited.getByLabel('Password').fill(PASSWORD);
  await invited.getByRole('button', { name: 'Create the account' }).click();
  await invited.getByRole('link', { name: 'See what is live' }).click();
  await page.reload();
  await page.getByLabel('Role of Vera').selectOption('broadcaster');
  const vera = page.getByRole('listitem').filter({ hasText: 'Vera' });
  await vera.getByRole('button', { name: 'Disable' }).click();
  await vera.getByText('disabled').waitFor();
  type Accounts = { accounts: { name: string; role: string; disabledAt: string | null }[] };
  const { accounts } = (await elsewhere.request('GET', '/api/auth/accounts')).body as Accounts;
  t.match(accounts, [{ name: 'Vera', role: 'broadcaster', disabledAt: /./ }, { name: 'Ada' }]);
  await invited.goto(`${gateway.http}/admin`);
  await invited.getByText('Sign in as an administrator').waitFor();
  await page.goto(`${gateway.http}/settings`);

  const sessions = section('Signed-in browsers');
  await sessions.getByText('this browser').waitFor();
  await sessions.getByRole('button', { name: 'Sign out', exact: true }).click();
  await sessions.getByRole('button', { name: 'Sign out', exact: true }).waitFor({ state: 'detached' });
  t.match(await elsewhere.request('GET', '/api/auth/sessions'), { status: 401 });

  const tokens = section('Access tokens');
  await tokens.getByLabel('Purpose').fill('<studio>');
  await tokens.getByRole('button', { name: 'Create a token' }).click();
  const authorization = `Bearer ${await tokens.getByLabel('New token', { exact: true }).inputValue()}`;
  const me = async () => (await fetch(`${gateway.http}/api/auth/me`, { headers: { authorization } })).status;
  t.equal(await me(), 200);
  await tokens.getByText('<studio>').waitFor();

  const form = page.getByRole('form', { name: 'Password' });
  await form.getByLabel('Current password').fill('wrong');
  await form.getByLabel('New password').fill(NEW_PASSWORD);
  await press('Change the password');
  t.match(await form.getByRole('alert').textContent(), /password/i);
  await form.getByLabel('Current password').fill(PASSWORD);
  await press('Change the password');
  await form.getByText('The password is changed.').waitFor();
  t.equal(await me(), 401, 'access tokens end');

  await press('Sign out');
  await page.waitForURL(`${gateway.http}/`);
  await page.goto(`${gateway.http}/settings`);
  await signIn(NEW_PASSWORD);
  const deletion = page.getByRole('form', { name: 'Delete the account' });
  await deletion.getByLabel('Password').fill(NEW_PASSWORD);
  await press('Delete my account');
  await page.waitForURL(`${gateway.http}/`);
  await page.goto(`${gateway.http}/settings`);
  await page.getByText('Sign in to change').waitFor();
});
