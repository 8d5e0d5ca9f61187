import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import t, { type Test } from 'tap';
import { CmafListener, type CmafSink } from '../../src/transcode/cmaf-listener.js';

class Sink implements CmafSink {
  text = '';
  ended = 0;
  faults: string[] = [];
  refuses = false;

  write(bytes: Buffer): void {
    if (this.refuses) throw new Error('these are no boxes');
    this.text += bytes.toString();
  }

  end(): void {
    this.ended++;
  }

  broken(error: Error): void {
    this.faults.push(error.message);
  }
}

async function listening(t: Test): Promise<CmafListener> {
  const listener = new CmafListener();
  await listener.start();
  t.teardown(() => listener.close());
  return listener;
}

/** @returns the status, or `cut` when the connection was closed without one. */
function ask(url: string, method: string, body = ''): Promise<number | 'cut'> {
  return new Promise((resolve) => {
    const request = http.request(url, { method, agent: false }, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
    request.on('error', () => resolve('cut'));
    request.end(body);
  });
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5));
}

t.test('a body goes to its sink as it comes', async (t) => {
  const listener = await listening(t);
  const sink = new Sink();
  const { url } = listener.open(sink);
  const request = http.request(url, { method: 'POST', agent: false });
  request.write('one');
  await until(() => sink.text === 'one');
  request.write('two');
  await until(() => sink.text === 'onetwo');
  request.end();
  const [response] = await once(request, 'response');
  t.equal(response.statusCode, 200);
  t.equal(sink.ended, 1);
  t.strictSame(sink.faults, []);
});

t.test('it listens on the loopback, on paths that cannot be guessed', async (t) => {
  const listener = await listening(t);
  const urls = Array.from({ length: 50 }, () => listener.open(new Sink()).url);
  t.equal(new Set(urls).size, 50);
  for (const url of urls) {
    t.equal(new URL(url).hostname, '127.0.0.1');
    t.equal(Buffer.from(new URL(url).pathname.slice(1), 'base64url').length, 16);
  }
});

t.test('strangers are turned away', async (t) => {
  const listener = await listening(t);
  const sink = new Sink();
  const { url } = listener.open(sink);
  t.equal(await ask(new URL('/', url).href, 'POST', 'x'), 404);
  t.equal(await ask(`${url}x`, 'POST', 'x'), 404, 'a wrong path');
  for (const method of ['GET', 'PUT', 'DELETE', 'OPTIONS']) t.equal(await ask(url, method), 404, method);
  t.equal(sink.text, '');
  t.equal(await ask(url, 'POST', 'mine'), 200, 'none of them used the path up');
  t.equal(await ask(url, 'POST', 'again'), 404, 'but its owner did');
  t.equal(sink.text, 'mine');
});

t.test('two at the same path at once: the second is turned away', async (t) => {
  const listener = await listening(t);
  const sink = new Sink();
  const { url } = listener.open(sink);
  const first = http.request(url, { method: 'POST', agent: false });
  first.write('first');
  await until(() => sink.text === 'first');
  t.equal(await ask(url, 'POST', 'second'), 404);
  first.end();
  await once(first, 'response');
  t.equal(sink.text, 'first');
});

t.test('a broken connection is told, once', async (t) => {
  const listener = await listening(t);
  const sink = new Sink();
  const request = http.request(listener.open(sink).url, { method: 'POST', agent: false });
  request.on('error', () => {});
  request.write('some');
  await until(() => sink.text === 'some');
  request.destroy();
  await until(() => sink.faults.length > 0);
  t.equal(sink.faults.length, 1);
  t.equal(sink.ended, 0);
});

t.test('refused bytes close the connection', async (t) => {
  const listener = await listening(t);
  const sink = new Sink();
  sink.refuses = true;
  t.equal(await ask(listener.open(sink).url, 'POST', 'nonsense'), 'cut');
  t.strictSame(sink.faults, ['these are no boxes']);
});

t.test('a withdrawn path is cut off and its sink hears no more', async (t) => {
  const listener = await listening(t);
  const sink = new Sink();
  const slot = listener.open(sink);
  const request = http.request(slot.url, { method: 'POST', agent: false });
  const cut = once(request, 'error');
  request.write('some');
  await until(() => sink.text === 'some');
  slot.close();
  await cut;
  t.strictSame(sink.faults, []);
  t.equal(sink.ended, 0);
  const unused = listener.open(sink);
  unused.close();
  t.equal(await ask(unused.url, 'POST', 'x'), 404);
});

t.test('what is not HTTP is closed', async (t) => {
  const listener = await listening(t);
  const port = Number(new URL(listener.open(new Sink()).url).port);
  for (const bytes of ['\x16\x03\x01\x02\x00', 'GET\r\n\r\n', 'x'.repeat(20_000)]) {
    const socket = net.connect(port, '127.0.0.1');
    socket.on('error', () => {});
    socket.write(`${bytes}\r\n\r\n`);
    socket.resume();
    await once(socket, 'close');
  }
  await until(() => true);
  t.equal(await listener.connections(), 0);
});

t.test('closing cuts what is open, and may be repeated', async (t) => {
  const listener = await listening(t);
  const sink = new Sink();
  const request = http.request(listener.open(sink).url, { method: 'POST', agent: false });
  const cut = once(request, 'error');
  request.write('some');
  await until(() => sink.text === 'some');
  await listener.close();
  await cut;
  await listener.close();
});
