import t from 'tap';
import { newId } from '../../../src/platform/index.js';
import {
  ada,
  assertErrorResponse,
  pageHeadersOf,
  startAccountApiFixture,
} from '../../support/fixtures/account-api-fixture.js';
import { operatorHeaders, PASSWORD } from '../../support/fixtures/accounts-fixture.js';

t.test('the operator creates the first admin, who invites users and manages accounts', async (t) => {
  const { request } = await startAccountApiFixture(t);
  const root = { name: 'Root', password: PASSWORD, role: 'admin' };
  assertErrorResponse(t, await request('POST', '/api/auth/register', { payload: root }), 403, 'not_allowed');
  const made = await request('POST', '/api/auth/register', { payload: root, headers: operatorHeaders });
  t.equal(made.statusCode, 201, made.body);
  t.match(made.json(), { user: { name: 'Root', role: 'admin' } });
  t.notOk(made.headers['set-cookie'], 'no session for the operator');
  const { name, password } = root;
  const headers = pageHeadersOf(await request('POST', '/api/auth/login', { payload: { name, password } }));

  const invited = await request('POST', '/api/auth/invitations', { headers });
  t.equal(invited.statusCode, 201, invited.body);
  const { invitation, code } = invited.json();
  t.match(invitation, { role: 'broadcaster', usedAt: null, expiresAt: '2026-01-08T00:00:00.000Z' });
  const joined = await request('POST', '/api/auth/register', { payload: { ...ada, invitation: code } });
  t.match(joined.json(), { user: { name: 'Ada', role: 'broadcaster' } });
  const { id } = joined.json().user;
  const list = await request('GET', '/api/auth/invitations', { headers });
  t.match(list.json().invitations, [{ id: invitation.id, usedBy: id }]);
  t.notMatch(list.body, code);
  const second = (
    await request('POST', '/api/auth/invitations', { headers, payload: { role: 'viewer', days: 1 } })
  ).json();
  t.equal(
    (await request('DELETE', `/api/auth/invitations/${second.invitation.id}`, { headers })).statusCode,
    200,
  );
  assertErrorResponse(
    t,
    await request('DELETE', `/api/auth/invitations/${second.invitation.id}`, { headers }),
    404,
    'invitation_not_found',
  );
  assertErrorResponse(
    t,
    await request('POST', '/api/auth/register', {
      payload: { ...ada, name: 'Eve', invitation: second.code },
    }),
    403,
    'invitation_invalid',
  );

  const accounts = (await request('GET', '/api/auth/accounts', { headers })).json().accounts;
  t.same(accounts.map((account: { name: string }) => account.name).sort(), ['Ada', 'Root']);
  t.equal(
    (await request('GET', '/api/auth/accounts?limit=1&offset=1', { headers })).json().accounts.length,
    1,
  );
  const all = (await request('GET', '/api/auth/accounts', { headers })).json().accounts as { id: string }[];
  const older = await request('GET', `/api/auth/accounts?before=${all[0]?.id}`, { headers });
  t.same(older.json().accounts, all.slice(1));
  const far = await request('GET', '/api/auth/accounts?offset=10001', { headers });
  t.equal(far.statusCode, 400);
  t.match(far.json().error.message, /offset must be at most 10000: page on with before, the id of the last/);
  assertErrorResponse(
    t,
    await request('GET', '/api/auth/accounts?limit=0', { headers }),
    400,
    'validation_failed',
  );
  t.match((await request('GET', `/api/auth/accounts/${id}`, { headers })).json(), {
    account: { name: 'Ada' },
  });
  const patch = (payload: object) => request('PATCH', `/api/auth/accounts/${id}`, { headers, payload });
  t.match((await patch({ role: 'viewer' })).json(), { account: { role: 'viewer', disabledAt: null } });
  t.match((await patch({ disabled: true })).json(), { account: { disabledAt: '2026-01-01T00:00:00.000Z' } });
  assertErrorResponse(t, await request('POST', '/api/auth/login', { payload: ada }), 403, 'account_disabled');
  assertErrorResponse(
    t,
    await request('POST', '/api/auth/login', { payload: { ...ada, password: 'wrong horse' } }),
    401,
    'sign_in_failed',
  );
  t.match((await patch({ disabled: false, password: 'a new password' })).json(), {
    account: { disabledAt: null },
  });
  assertErrorResponse(t, await request('POST', '/api/auth/login', { payload: ada }), 401, 'sign_in_failed');
  const back = { name: 'Ada', password: 'a new password' };
  t.equal((await request('POST', '/api/auth/login', { payload: back })).statusCode, 200);
  assertErrorResponse(t, await patch({}), 400, 'validation_failed');
  assertErrorResponse(t, await patch({ name: 'Bob' }), 400, 'validation_failed');
  assertErrorResponse(
    t,
    await request('PATCH', `/api/auth/accounts/${newId()}`, { headers, payload: { role: 'viewer' } }),
    404,
    'account_not_found',
  );
});
