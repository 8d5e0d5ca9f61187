import { webcrypto } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { pino } from 'pino';
import type postgres from 'postgres';
import t, { type Test } from 'tap';
import { newId } from '../../src/platform/index.js';
import { createWebhooks, type Webhooks } from '../../src/webhooks/index.js';
import { FakeClock } from '../support/fakes/fake-clock.js';
import { type ReceivedHook, webhookReceiver } from '../support/fakes/webhook-receiver.js';
import { testDatabase } from '../support/fixtures/database.js';

const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
const LIVE = { streamId: 's', broadcastId: 'b', resumed: false };
const PAGE = { limit: 100, offset: 0 };

type Room = {
  sql: postgres.Sql;
  clock: FakeClock;
  webhooks: Webhooks;
  logged: string[];
  reopen(): Promise<Webhooks>;
};

async function openWebhooks(t: Test): Promise<Room> {
  const { sql } = await testDatabase(t);
  const clock = new FakeClock();
  const logged: string[] = [];
  const log = pino({ base: null, level: 'trace' }, { write: (line: string) => void logged.push(line) });
  const reopen = async (): Promise<Webhooks> => {
    const webhooks = createWebhooks({
      sql,
      privateAddresses: true,
      version: '1.2.3',
      keepDays: 30,
      clock,
      log,
      random: () => 0,
    });
    t.teardown(() => webhooks.close());
    await webhooks.start();
    return webhooks;
  };
  return { sql, clock, webhooks: await reopen(), logged, reopen };
}

/** Verifies a signature by the specification, independently of the gateway's code. */
async function isSigned(hook: ReceivedHook, secret: string): Promise<boolean> {
  const { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': signature } = hook.headers;
  const key = await webcrypto.subtle.importKey(
    'raw',
    Buffer.from(secret.replace('whsec_', ''), 'base64'),
    { name: 'HMAC', hash: 'SHA-256' },
    false,
    ['verify'],
  );
  const [version, value = ''] = String(signature).split(',');
  const signed = new TextEncoder().encode(`${id}.${timestamp}.${hook.body}`);
  return (
    version === 'v1' && (await webcrypto.subtle.verify('HMAC', key, Buffer.from(value, 'base64'), signed))
  );
}

/** Waits for a condition that depends on real I/O, while the clock's due timers run. */
async function until(clock: FakeClock, condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) {
    await clock.advance(0);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

const fail = (_hook: ReceivedHook, response: ServerResponse): void => void response.writeHead(500).end('no');

t.test('an event is delivered, signed, to the webhooks subscribed to it', async (t) => {
  const { clock, webhooks } = await openWebhooks(t);
  const [one, two] = [await webhookReceiver(t), await webhookReceiver(t)];
  const made = await webhooks.create({ url: one.url, events: ['broadcast.live'] });
  await webhooks.create({ url: two.url, events: ['viewers.peak'] });
  webhooks.emit('broadcast.live', LIVE);
  await until(clock, () => one.received.length === 1);
  const [hook] = one.received;
  if (!hook) throw new Error('nothing was received');
  t.same(JSON.parse(hook.body), {
    type: 'broadcast.live',
    timestamp: '2026-01-01T00:00:00.000Z',
    data: LIVE,
  });
  t.ok(await isSigned(hook, made.secret));
  t.notOk(
    await isSigned({ ...hook, body: `${hook.body} ` }, made.secret),
    'a changed body has another signature',
  );
  t.match(hook.headers, { 'user-agent': 'Headend/1.2.3', 'content-type': 'application/json' });
  await until(clock, async () => {
    const [delivery] = await webhooks.deliveries(made.webhook.id, PAGE);
    return delivery?.status === 'delivered' && delivery.id === hook.headers['webhook-id'];
  });
  t.match(await webhooks.deliveries(made.webhook.id, PAGE), [
    { attempts: 1, responseStatus: 204, error: null, deliveredAt: new Date(clock.now()) },
  ]);
  t.equal(two.received.length, 0);
});

t.test('a failed delivery is retried after the documented delays, then fails', async (t) => {
  const { clock, webhooks } = await openWebhooks(t);
  const receiver = await webhookReceiver(t);
  receiver.answer = fail;
  const { webhook, secret } = await webhooks.create({ url: receiver.url, events: ['broadcast.live'] });
  webhooks.emit('broadcast.live', LIVE);
  const delays = [5 * SECOND_MS, 30 * SECOND_MS, 2 * MINUTE_MS, 10 * MINUTE_MS, HOUR_MS, 6 * HOUR_MS, DAY_MS];
  for (const [index, delay] of delays.entries()) {
    await until(clock, async () => (await webhooks.deliveries(webhook.id, PAGE))[0]?.attempts === index + 1);
    const [delivery] = await webhooks.deliveries(webhook.id, PAGE);
    t.match(delivery, { status: 'pending', responseStatus: 500, error: 'The receiver answered 500.' });
    t.equal((delivery?.nextAttemptAt.getTime() ?? 0) - clock.now(), delay);
    await clock.advance(delay - 1);
    t.equal(receiver.received.length, index + 1, 'no attempt before its delay');
    await clock.advance(1);
    await until(clock, () => receiver.received.length === index + 2);
  }
  await until(clock, async () => (await webhooks.deliveries(webhook.id, PAGE))[0]?.status === 'failed');
  await clock.advance(30 * DAY_MS);
  t.equal(receiver.received.length, delays.length + 1);
  t.equal(new Set(receiver.received.map(({ headers }) => headers['webhook-id'])).size, 1);
  t.equal(
    new Set(receiver.received.map(({ headers }) => headers['webhook-timestamp'])).size,
    delays.length + 1,
  );
  for (const hook of receiver.received) t.ok(await isSigned(hook, secret));
});

t.test(
  'first attempts arrive in order, one at a time, and a failed delivery does not block later ones',
  async (t) => {
    const { clock, webhooks } = await openWebhooks(t);
    const receiver = await webhookReceiver(t);
    await webhooks.create({ url: receiver.url, events: ['viewers.peak'] });
    receiver.answer = (hook, response) =>
      JSON.parse(hook.body).data.viewers === 2 && receiver.received.length < 5
        ? fail(hook, response)
        : void response.writeHead(200).end();
    for (let viewers = 1; viewers <= 30; viewers++) webhooks.emit('viewers.peak', { streamId: 's', viewers });
    await until(clock, () => receiver.received.length === 30);
    const viewers = receiver.received.map(({ body }) => JSON.parse(body).data.viewers);
    t.same(
      viewers,
      Array.from({ length: 30 }, (_, index) => index + 1),
    );
    await clock.advance(5 * SECOND_MS);
    await until(clock, () => receiver.received.length === 31);
    t.match(receiver.received[30]?.body, /"viewers":2\b/);
    t.equal(receiver.mostOpen, 1);
  },
);

t.test('a receiver that never responds delays only its own deliveries', async (t) => {
  const { clock, webhooks } = await openWebhooks(t);
  const [slow, fast] = [await webhookReceiver(t), await webhookReceiver(t)];
  slow.answer = () => {};
  const blocked = await webhooks.create({ url: slow.url, events: ['viewers.peak'] });
  await webhooks.create({ url: fast.url, events: ['viewers.peak'] });
  for (let viewers = 1; viewers <= 5; viewers++) webhooks.emit('viewers.peak', { streamId: 's', viewers });
  await until(clock, () => fast.received.length === 5 && slow.received.length === 1);
  await clock.advance(10 * SECOND_MS);
  await until(clock, () => slow.received.length === 2);
  t.equal(slow.mostOpen, 1);
  const failed = (await webhooks.deliveries(blocked.webhook.id, PAGE)).at(-1);
  t.match(failed, { status: 'pending', attempts: 1, responseStatus: null, error: /No response within 10 s/ });
});

t.test('at most eight attempts are in flight, and every webhook is served before any twice', async (t) => {
  const { clock, webhooks } = await openWebhooks(t);
  const receiver = await webhookReceiver(t);
  const waiting: ServerResponse[] = [];
  receiver.answer = (_hook, response) => waiting.push(response);
  for (let i = 0; i < 12; i++)
    await webhooks.create({ url: `${receiver.url}/${i}`, events: ['viewers.peak'] });
  for (let viewers = 1; viewers <= 2; viewers++) webhooks.emit('viewers.peak', { streamId: 's', viewers });
  await until(clock, () => waiting.length === 8);
  while (receiver.received.length < 24 || waiting.length > 0) {
    const before = receiver.received.length;
    waiting.shift()?.writeHead(200).end();
    await until(clock, () => receiver.received.length > before || before === 24);
  }
  t.equal(receiver.mostOpen, 8);
  const first = receiver.received.slice(0, 12).map(({ path }) => path);
  t.equal(new Set(first).size, 12, 'no webhook is served twice before all are served once');
});

t.test('a delivery in flight at a crash is sent again after the restart', async (t) => {
  const { clock, webhooks, reopen } = await openWebhooks(t);
  const receiver = await webhookReceiver(t);
  receiver.answer = () => {};
  await webhooks.create({ url: receiver.url, events: ['broadcast.live'] });
  webhooks.emit('broadcast.live', LIVE);
  await until(clock, () => receiver.received.length === 1);
  // Simulates a crash: the first gateway writes nothing more.
  receiver.answer = (_hook, response) => void response.writeHead(200).end();
  await reopen();
  await until(clock, () => receiver.received.length === 2);
  t.equal(receiver.received[0]?.headers['webhook-id'], receiver.received[1]?.headers['webhook-id']);
});

t.test('closing aborts attempts in flight, and the next start delivers everything', async (t) => {
  const { sql, clock, webhooks, reopen } = await openWebhooks(t);
  const receiver = await webhookReceiver(t);
  receiver.answer = () => {};
  await webhooks.create({ url: receiver.url, events: ['viewers.peak'] });
  webhooks.emit('viewers.peak', { streamId: 's', viewers: 1 });
  await until(clock, () => receiver.received.length === 1);
  webhooks.emit('viewers.peak', { streamId: 's', viewers: 2 });
  await webhooks.close();
  webhooks.emit('viewers.peak', { streamId: 's', viewers: 3 });
  await until(clock, () => receiver.open === 0);
  t.equal(clock.pending, 0);
  receiver.answer = (_hook, response) => void response.writeHead(200).end();
  t.same(
    (await sql`select attempts from webhook_deliveries`).map(({ attempts }) => attempts),
    [0, 0],
    'events before the close are stored, and aborted attempts do not count',
  );
  await reopen();
  await until(clock, () => receiver.received.length === 3);
  t.match(receiver.received[2]?.body, /"viewers":2\b/);
});

t.test('while the database is unavailable events queue within bounds, and emit never throws', async (t) => {
  const { sql, clock, webhooks, logged } = await openWebhooks(t);
  const receiver = await webhookReceiver(t);
  await webhooks.create({ url: receiver.url, events: ['viewers.peak'] });
  await sql`alter table webhook_deliveries rename to unavailable`;
  for (let viewers = 1; viewers <= 10_005; viewers++)
    webhooks.emit('viewers.peak', { streamId: 's', viewers });
  await until(clock, () => logged.some((line) => line.includes('insert failed')));
  await sql`alter table unavailable rename to webhook_deliveries`;
  await clock.advance(SECOND_MS);
  await until(clock, async () => (await sql`select from webhook_deliveries`).count === 10_000);
  await until(clock, () => receiver.received.length >= 3);
  t.match(receiver.received[0]?.body, /"viewers":1\b/);
  t.match(logged.join(''), /"dropped":5/);
});

t.test('deliveries beyond ten thousand pending of one webhook fail at once and are listed', async (t) => {
  const { sql, clock, webhooks } = await openWebhooks(t);
  const receiver = await webhookReceiver(t);
  receiver.answer = () => {};
  const { webhook } = await webhooks.create({ url: receiver.url, events: ['viewers.peak'] });
  await sql`
    insert into webhook_deliveries (id, webhook_id, event, payload, next_attempt_at)
    select gen_random_uuid(), ${webhook.id}, 'viewers.peak', '{}', ${new Date(clock.now() + DAY_MS)}
    from generate_series(1, 10000)`;
  webhooks.emit('viewers.peak', { streamId: 's', viewers: 1 });
  const page = { ...PAGE, status: 'failed' } as const;
  await until(clock, async () => (await webhooks.deliveries(webhook.id, page)).length === 1);
  t.match(await webhooks.deliveries(webhook.id, page), [{ error: 'Too many deliveries are waiting.' }]);
});

t.test('a disabled webhook gets no new deliveries, and pending ones resume when it is enabled', async (t) => {
  const { clock, webhooks } = await openWebhooks(t);
  const receiver = await webhookReceiver(t);
  receiver.answer = fail;
  const { webhook } = await webhooks.create({ url: receiver.url, events: ['viewers.peak'] });
  webhooks.emit('viewers.peak', { streamId: 's', viewers: 1 });
  await until(clock, async () => (await webhooks.deliveries(webhook.id, PAGE))[0]?.attempts === 1);
  t.match(await webhooks.update(webhook.id, { enabled: false }), { disabledAt: new Date(clock.now()) });
  webhooks.emit('viewers.peak', { streamId: 's', viewers: 2 });
  await clock.advance(DAY_MS);
  await t.rejects(webhooks.ping(webhook.id), { status: 409, code: 'webhook_disabled' });
  t.equal(receiver.received.length, 1);
  receiver.answer = (_hook, response) => void response.writeHead(200).end();
  t.match(await webhooks.update(webhook.id, { enabled: true }), { disabledAt: null });
  await until(clock, () => receiver.received.length === 2);
  t.match(receiver.received[1]?.body, /"viewers":1\b/);
  t.equal((await webhooks.deliveries(webhook.id, PAGE)).length, 1);
});

t.test('a receiver that answers 410 disables its webhook', async (t) => {
  const { clock, webhooks } = await openWebhooks(t);
  const receiver = await webhookReceiver(t);
  receiver.answer = (_hook, response) => void response.writeHead(410).end();
  const { webhook } = await webhooks.create({ url: receiver.url, events: ['viewers.peak'] });
  webhooks.emit('viewers.peak', { streamId: 's', viewers: 1 });
  await until(clock, async () => (await webhooks.list())[0]?.disabledAt !== null);
  t.match(await webhooks.deliveries(webhook.id, PAGE), [
    { status: 'failed', responseStatus: 410, attempts: 1 },
  ]);
});

t.test('a ping is sent once, even if it fails', async (t) => {
  const { clock, webhooks } = await openWebhooks(t);
  const receiver = await webhookReceiver(t);
  receiver.answer = fail;
  const { webhook } = await webhooks.create({ url: receiver.url, events: ['viewers.peak'] });
  const deliveryId = await webhooks.ping(webhook.id);
  await until(clock, async () => (await webhooks.deliveries(webhook.id, PAGE))[0]?.status === 'failed');
  t.match(await webhooks.deliveries(webhook.id, PAGE), [{ id: deliveryId, event: 'ping', attempts: 1 }]);
  t.match(JSON.parse(receiver.received[0]?.body ?? ''), { type: 'ping', data: { webhookId: webhook.id } });
});

t.test('a finished delivery is replayed under the same id', async (t) => {
  const { clock, webhooks } = await openWebhooks(t);
  const receiver = await webhookReceiver(t);
  const { webhook } = await webhooks.create({ url: receiver.url, events: ['viewers.peak'] });
  webhooks.emit('viewers.peak', { streamId: 's', viewers: 1 });
  await until(clock, async () => (await webhooks.deliveries(webhook.id, PAGE))[0]?.status === 'delivered');
  const id = (await webhooks.deliveries(webhook.id, PAGE))[0]?.id ?? '';
  receiver.answer = fail;
  t.match(await webhooks.replay(id), { id, status: 'pending', attempts: 0, deliveredAt: null });
  await until(clock, async () => (await webhooks.deliveries(webhook.id, PAGE))[0]?.attempts === 1);
  t.equal(receiver.received[1]?.headers['webhook-id'], id);
  await t.rejects(webhooks.replay(id), { status: 409, code: 'delivery_pending' });
  await t.rejects(webhooks.replay(newId()), { status: 404, code: 'delivery_not_found' });
  await webhooks.update(webhook.id, { enabled: false });
  await t.rejects(webhooks.replay(id), { status: 409, code: 'webhook_disabled' });
});

t.test('delivered messages are deleted after 30 days, failed ones after 90', async (t) => {
  const { sql, clock, webhooks } = await openWebhooks(t);
  const { webhook } = await webhooks.create({ url: 'http://127.0.0.1:9/', events: ['viewers.peak'] });
  for (const status of ['delivered', 'failed'])
    for (const days of [29, 31, 91])
      await sql`
        insert into webhook_deliveries (id, webhook_id, event, payload, status, created_at)
        values (${newId()}, ${webhook.id}, ${`${status} ${days}`}, '{}', ${status},
          ${new Date(clock.now() - days * DAY_MS)})`;
  await clock.advance(HOUR_MS);
  await until(clock, async () => (await sql`select from webhook_deliveries`).count === 3);
  const kept = await sql`select event from webhook_deliveries order by event`;
  t.same(
    kept.map((row) => row.event),
    ['delivered 29', 'failed 29', 'failed 31'],
  );
});

t.test('webhooks are updated and deleted, and invalid requests get their error codes', async (t) => {
  const { sql, webhooks } = await openWebhooks(t);
  const events = ['viewers.peak'] as ['viewers.peak'];
  const secret = `whsec_${Buffer.alloc(24, 1).toString('base64')}`;
  const made = await webhooks.create({ url: 'https://platform.example/hook', events, secret });
  t.equal(made.secret, secret);
  await t.rejects(webhooks.create({ url: 'http://169.254.169.254/', events }), { code: 'url_not_allowed' });
  await t.rejects(webhooks.create({ url: 'https://a.example/', events, secret: 'short' }), {
    code: 'secret_invalid',
  });
  const { id } = made.webhook;
  t.match(await webhooks.update(id, { url: 'https://b.example/', events: ['broadcast.live'] }), {
    url: 'https://b.example/',
    events: ['broadcast.live'],
    disabledAt: null,
  });
  await t.rejects(webhooks.update(id, { secret: '' }), { code: 'secret_invalid' });
  await t.rejects(webhooks.update(id, { url: 'ftp://b.example/' }), { code: 'url_not_allowed' });
  const gone = { status: 404, code: 'webhook_not_found' };
  await t.rejects(webhooks.update(newId(), {}), gone);
  await t.rejects(webhooks.remove(newId()), gone);
  await t.rejects(webhooks.ping(newId()), gone);
  await t.rejects(webhooks.deliveries(newId(), PAGE), gone);
  await webhooks.remove(id);
  t.same(await webhooks.list(), []);
  for (let i = 0; i < 50; i++) await webhooks.create({ url: 'https://a.example/', events });
  await t.rejects(webhooks.create({ url: 'https://a.example/', events }), { code: 'too_many_webhooks' });
  t.equal((await sql`select from webhooks`).count, 50);
});
