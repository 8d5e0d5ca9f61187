import type { LightMyRequestResponse } from 'fastify';
import t, { type Test } from 'tap';
import { createGuards, createServer, webhookRoutes } from '../../../src/api/index.js';
import { createLog, newId } from '../../../src/platform/index.js';
import { createWebhooks } from '../../../src/webhooks/index.js';
import { FakeClock } from '../../support/fakes/fake-clock.js';
import { webhookReceiver } from '../../support/fakes/webhook-receiver.js';
import { testDatabase } from '../../support/fixtures/database.js';
import {
  assertErrorResponse,
  authenticateByName,
  authorizationOf,
  type PersonName,
} from '../../support/fixtures/livestream-api-fixture.js';
import {
  answerSchema,
  checkDocument,
  collectRoutes,
  type OpenApi,
  problemsOf,
} from '../../support/fixtures/openapi.js';

type Method = 'GET' | 'POST' | 'PATCH' | 'DELETE';
const PATH = '/api/webhooks';
const HOOK = { url: 'https://platform.example/hook', events: ['broadcast.live'] };

async function open(t: Test) {
  const { sql } = await testDatabase(t);
  const clock = new FakeClock();
  const log = createLog('silent');
  const webhooks = createWebhooks({ sql, privateAddresses: true, version: '1.2.3', clock, log });
  await webhooks.start();
  t.teardown(() => webhooks.close());
  const app = createServer({ log, clock, trustProxy: false, version: '1.2.3' });
  const routes = collectRoutes(app);
  app.register(webhookRoutes, { webhooks, guards: createGuards({ authenticate: authenticateByName }) });
  t.teardown(() => app.close());
  const request = (
    method: Method,
    path = '',
    payload?: object,
    name: PersonName | 'nobody' = 'ada',
  ): Promise<LightMyRequestResponse> =>
    app.inject({
      method,
      url: `${PATH}${path}`,
      headers: name === 'nobody' ? {} : authorizationOf(name),
      ...(payload ? { payload } : {}),
    });
  return { app, routes, clock, webhooks, request };
}

async function until(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 5));
}

t.test('a webhook is created, listed, changed and deleted, and its secret is returned once', async (t) => {
  const { request } = await open(t);
  const made = await request('POST', '', HOOK);
  t.equal(made.statusCode, 201, made.body);
  const { webhook, secret } = made.json();
  t.match(secret, /^whsec_/);
  t.match(webhook, { ...HOOK, enabled: true, disabledAt: null });
  const listed = await request('GET');
  t.same(listed.json(), { webhooks: [webhook] });
  t.notMatch(listed.body, secret);
  t.match((await request('PATCH', `/${webhook.id}`, { enabled: false })).json(), {
    webhook: { enabled: false, disabledAt: '2026-01-01T00:00:00.000Z', url: HOOK.url },
  });
  assertErrorResponse(t, await request('POST', `/${webhook.id}/test`), 409, 'webhook_disabled');
  t.same((await request('DELETE', `/${webhook.id}`)).json(), { success: true });
  assertErrorResponse(t, await request('DELETE', `/${webhook.id}`), 404, 'webhook_not_found');
});

t.test('a test event is delivered, listed and replayed', async (t) => {
  const { request } = await open(t);
  const receiver = await webhookReceiver(t);
  const { webhook } = (await request('POST', '', { ...HOOK, url: receiver.url })).json();
  const sent = await request('POST', `/${webhook.id}/test`);
  t.equal(sent.statusCode, 202, sent.body);
  const { deliveryId } = sent.json();
  const deliveries = `/${webhook.id}/deliveries`;
  const delivered = async () => (await request('GET', `${deliveries}?status=delivered`)).json().deliveries;
  await until(async () => (await delivered()).length === 1);
  t.match(await delivered(), [
    { id: deliveryId, event: 'ping', attempts: 1, responseStatus: 204, nextAttemptAt: null },
  ]);
  t.same((await request('GET', `${deliveries}?status=failed`)).json(), { deliveries: [] });
  t.same((await request('GET', `${deliveries}?offset=1`)).json(), { deliveries: [] });
  const [newest] = (await request('GET', deliveries)).json().deliveries as { id: string }[];
  t.same((await request('GET', `${deliveries}?before=${newest?.id}`)).json(), { deliveries: [] });
  t.equal((await request('GET', `${deliveries}?offset=10001`)).statusCode, 400);
  const replayed = await request('POST', `/deliveries/${deliveryId}/replay`);
  t.equal(replayed.statusCode, 202);
  t.match(replayed.json().delivery, { id: deliveryId, status: 'pending', nextAttemptAt: String });
  await until(async () => receiver.received.length === 2);
  assertErrorResponse(t, await request('POST', `/deliveries/${newId()}/replay`), 404, 'delivery_not_found');
});

t.test('webhooks are accessible to admins and the operator only', async (t) => {
  const { request, webhooks } = await open(t);
  const { webhook } = (await request('POST', '', HOOK, 'operator')).json();
  const calls: [Method, string, object?][] = [
    ['GET', ''],
    ['POST', '', HOOK],
    ['PATCH', `/${webhook.id}`, { enabled: false }],
    ['DELETE', `/${webhook.id}`],
    ['POST', `/${webhook.id}/test`],
    ['GET', `/${webhook.id}/deliveries`],
    ['POST', `/deliveries/${newId()}/replay`],
  ];
  for (const [method, path, body] of calls) {
    assertErrorResponse(t, await request(method, path, body, 'nobody'), 401, 'not_signed_in');
    for (const name of ['vera', 'anna'] as const)
      assertErrorResponse(t, await request(method, path, body, name), 403, 'not_allowed');
  }
  t.match(await webhooks.list(), [{ id: webhook.id, disabledAt: null }]);
  t.same(await webhooks.deliveries(webhook.id, { limit: 10, offset: 0 }), []);
});

t.test('invalid webhooks are refused with a message', async (t) => {
  const { request } = await open(t);
  assertErrorResponse(
    t,
    await request('POST', '', { ...HOOK, url: 'ftp://a.example' }),
    400,
    'validation_failed',
    /http/,
  );
  assertErrorResponse(
    t,
    await request('POST', '', { ...HOOK, url: 'http://169.254.169.254/' }),
    400,
    'url_not_allowed',
  );
  assertErrorResponse(
    t,
    await request('POST', '', { ...HOOK, url: 'http://a:b@a.example/' }),
    400,
    'url_not_allowed',
  );
  assertErrorResponse(
    t,
    await request('POST', '', { ...HOOK, secret: 'short' }),
    400,
    'secret_invalid',
    /whsec_/,
  );
  for (const body of [
    {},
    { url: HOOK.url },
    { ...HOOK, events: [] },
    { ...HOOK, events: ['everything'] },
    { ...HOOK, url: `https://a.example/${'x'.repeat(2_000)}` },
    { ...HOOK, enabled: true },
  ])
    assertErrorResponse(t, await request('POST', '', body), 400, 'validation_failed');
  const { webhook } = (await request('POST', '', HOOK)).json();
  assertErrorResponse(
    t,
    await request('GET', `/${webhook.id}/deliveries?status=lost`),
    400,
    'validation_failed',
  );
  assertErrorResponse(t, await request('PATCH', '/no-id', {}), 400, 'validation_failed');
  assertErrorResponse(t, await request('PATCH', `/${newId()}`, {}), 404, 'webhook_not_found');
});

t.test('the OpenAPI document describes every route, and responses match it', async (t) => {
  const { app, routes, request } = await open(t);
  await app.ready();
  const document = (await app.inject('/openapi.json')).json<OpenApi>();
  checkDocument(t, document, routes);
  const { webhook } = (await request('POST', '', { ...HOOK, url: (await webhookReceiver(t)).url })).json();
  await request('POST', `/${webhook.id}/test`);
  const { deliveries } = (await request('GET', `/${webhook.id}/deliveries`)).json();
  await until(async () => {
    return (
      (await request('GET', `/${webhook.id}/deliveries?status=delivered`)).json().deliveries.length === 1
    );
  });
  const calls: [Method, string, number, object?][] = [
    ['GET', '', 200],
    ['POST', '', 201, HOOK],
    ['PATCH', '/{webhookId}', 200, { events: ['viewers.peak'] }],
    ['POST', '/{webhookId}/test', 202],
    ['GET', '/{webhookId}/deliveries', 200],
    ['POST', '/deliveries/{deliveryId}/replay', 202],
    ['DELETE', '/{webhookId}', 200],
    ['DELETE', '/{webhookId}', 404],
  ];
  for (const [method, path, status, body] of calls) {
    const url = path.replace('{webhookId}', webhook.id).replace('{deliveryId}', deliveries[0].id);
    const answer = await request(method, url, body);
    t.equal(answer.statusCode, status, answer.body);
    const schema = answerSchema(document, `${PATH}${path}`, method.toLowerCase(), status);
    t.same(problemsOf(document, schema, answer.json()), [], `${method} ${path}`);
  }
});
