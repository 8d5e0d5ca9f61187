import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import t, { type Test } from 'tap';
import { TargetPolicy } from '../../src/platform/index.js';
import { type PostOptions, post } from '../../src/webhooks/post.js';
import { FakeClock } from '../support/fakes/fake-clock.js';
import { webhookReceiver } from '../support/fakes/webhook-receiver.js';

function options(url: string, clock = new FakeClock(), privateAddresses = true): PostOptions {
  return {
    url,
    headers: { 'x-test': 'yes' },
    body: '{"ä":1}',
    timeoutMs: 10_000,
    policy: new TargetPolicy({ privateAddresses }),
    clock,
    signal: new AbortController().signal,
  };
}

async function rawServer(t: Test, greeting: string): Promise<{ url: string; connected: Promise<void> }> {
  let connect = (): void => {};
  const connected = new Promise<void>((resolve) => {
    connect = resolve;
  });
  const server = createServer((socket) => {
    socket.on('error', () => {});
    socket.once('data', () => {
      if (greeting !== '') socket.write(greeting);
      connect();
    });
    t.teardown(() => socket.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => server.close());
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, connected };
}

t.test('a JSON body arrives whole and the status is returned', async (t) => {
  const receiver = await webhookReceiver(t);
  t.same(await post(options(receiver.url)), { status: 204 });
  t.match(receiver.received, [
    { path: '/hook', body: '{"ä":1}', headers: { 'content-type': 'application/json', 'x-test': 'yes' } },
  ]);
});

t.test('a redirect is not followed and its status is returned', async (t) => {
  const receiver = await webhookReceiver(t);
  receiver.answer = (_request, response) => void response.writeHead(302, { location: receiver.url }).end();
  t.same(await post(options(receiver.url)), { status: 302 });
  t.equal(receiver.received.length, 1);
});

t.test('an endless response is closed after 1 KiB', async (t) => {
  const receiver = await webhookReceiver(t);
  let written = 0;
  receiver.answer = (_request, response) => {
    response.writeHead(200);
    const more = (): void => {
      while (!response.destroyed && response.write('x'.repeat(1_024))) written += 1_024;
      response.once('drain', more);
    };
    more();
  };
  t.same(await post(options(receiver.url)), { status: 200 });
  await until(() => receiver.open === 0);
  t.ok(written < 10_000_000, `${written} bytes were taken`);
});

t.test('a receiver that never responds times out after ten seconds', async (t) => {
  const clock = new FakeClock();
  const { url, connected } = await rawServer(t, '');
  const posting = post(options(url, clock));
  await connected;
  await clock.advance(10_000);
  t.same(await posting, { error: 'No response within 10 s.' });
  t.equal(clock.pending, 0);
});

t.test('a response whose body breaks off still yields its status', async (t) => {
  const receiver = await webhookReceiver(t);
  receiver.answer = (_request, response) => {
    response.writeHead(200, { 'content-length': 100 });
    response.write('abc', () => response.destroy());
  };
  t.same(await post(options(receiver.url)), { status: 200 });
});

t.test('a non-HTTP response, a closed port and an unknown host yield error texts', async (t) => {
  const { url } = await rawServer(t, 'SSH-2.0-OpenSSH_9.2\r\n');
  t.match(await post(options(url)), { error: /Parse Error/ });
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  t.match(await post(options(`http://127.0.0.1:${port}/`)), { error: /ECONNREFUSED/ });
  t.match(await post(options(`http://localhost:${port}/`)), { error: /ECONNREFUSED/ });
  t.match(await post(options('http://nowhere.invalid/')), { error: /nowhere\.invalid/ });
});

t.test('a host that resolves to a forbidden address is not connected to', async (t) => {
  const receiver = await webhookReceiver(t);
  const { port } = new URL(receiver.url);
  t.match(await post(options(`http://localhost:${port}/`, new FakeClock(), false)), {
    error: /localhost resolves to no address/,
  });
  t.match(await post(options(receiver.url, new FakeClock(), false)), {
    error: /does not connect to this address/,
  });
  t.equal(receiver.received.length, 0);
});

t.test('an aborted request leaves no timer and no connection', async (t) => {
  const clock = new FakeClock();
  const { url, connected } = await rawServer(t, '');
  const controller = new AbortController();
  const posting = post({ ...options(url, clock), signal: controller.signal });
  await connected;
  controller.abort();
  t.match(await posting, { error: /abort/i });
  t.equal(clock.pending, 0);
  t.match(await post({ ...options(url, clock), signal: controller.signal }), { error: /abort/i });
});

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5));
}
