import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, rmSync, statSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import t, { type Test } from 'tap';
import { CmafListener, type CmafSink } from '../../../src/transcode/hls/cmaf-listener.js';
import { recordLog } from '../../support/fixtures/log-record.js';

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
  const listener = new CmafListener(recordLog().log);
  await listener.start();
  t.teardown(() => listener.close());
  return listener;
}

function pathOf({ url }: { url: string }): string {
  t.match(url, /^unix:\//);
  return url.slice('unix:'.length);
}

function connected(t: Test, slot: { url: string }): net.Socket {
  const socket = net.connect(pathOf(slot));
  socket.on('error', () => {});
  t.teardown(() => socket.destroy());
  return socket;
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setImmediate(resolve));
}

t.test('bytes and the end of a connection reach the sink', async (t) => {
  const listener = await listening(t);
  const sink = new Sink();
  const socket = connected(t, listener.open(sink));
  socket.write('one');
  await until(() => sink.text === 'one');
  socket.write('two');
  await until(() => sink.text === 'onetwo');
  socket.end();
  await once(socket, 'close');
  t.equal(sink.ended, 1);
  t.strictSame(sink.faults, []);
  t.equal(listener.size, 0);
});

t.test('a socket accepts one connection as soon as it is open', async (t) => {
  const listener = await listening(t);
  const sink = new Sink();
  const slot = listener.open(sink);
  t.ok(existsSync(pathOf(slot)), 'before the event loop turns');
  const socket = connected(t, slot);
  socket.write('mine');
  await until(() => sink.text === 'mine');
  t.notOk(existsSync(pathOf(slot)));
  const other = net.connect(pathOf(slot));
  const [refusal] = (await once(other, 'error')) as [NodeJS.ErrnoException];
  t.equal(refusal.code, 'ENOENT');
  t.equal(sink.text, 'mine');
});

t.test('of two concurrent connections the second is closed and not read', async (t) => {
  const listener = await listening(t);
  const sink = new Sink();
  const slot = listener.open(sink);
  const both = [connected(t, slot), connected(t, slot)] as const;
  for (const [i, socket] of both.entries()) socket.write(String(i));
  const [first, second] = both;
  await until(() => first.closed || second.closed);
  await until(() => sink.text.length > 0);
  t.equal(sink.text.length, 1, 'the bytes of one of them');
});

t.test('every rendition has a socket of its own in a folder of mode 0700', async (t) => {
  const listener = await listening(t);
  const paths = Array.from({ length: 50 }, () => pathOf(listener.open(new Sink())));
  t.equal(new Set(paths).size, 50);
  for (const file of paths) {
    t.ok(Buffer.byteLength(file) <= 103, file);
    t.equal(statSync(path.dirname(file)).mode & 0o777, 0o700);
  }
});

t.test('another user who knows the path cannot connect', { skip: process.getuid?.() !== 0 }, async (t) => {
  const listener = await listening(t);
  const sink = new Sink();
  const slot = listener.open(sink);
  const program = `require('net').connect(${JSON.stringify(pathOf(slot))}, () => process.exit(0))
    .on('error', ({ code }) => (console.log(code), process.exit(1))).write('injected')`;
  const attempt = (user: object): Promise<string> =>
    new Promise((resolve) =>
      execFile(process.execPath, ['-e', program], { cwd: '/', ...user }, (error, stdout) =>
        resolve(error ? stdout.trim() : 'connected'),
      ),
    );
  t.equal(await attempt({ uid: 65_534, gid: 65_534 }), 'EACCES');
  t.equal(sink.text, '');
  t.equal(await attempt({}), 'connected', 'its own user can');
});

t.test('a reset connection is reported once', async (t) => {
  const listener = await listening(t);
  const sink = new Sink();
  sink.refuses = true;
  const socket = connected(t, listener.open(sink));
  socket.write('nonsense');
  await once(socket, 'close');
  t.strictSame(sink.faults, ['these are no boxes']);
  t.equal(sink.ended, 0);
});

t.test('a socket that cannot be opened is reported', async (t) => {
  const listener = await listening(t);
  const folder = path.dirname(pathOf(listener.open(new Sink())));
  rmSync(folder, { recursive: true });
  const sink = new Sink();
  listener.open(sink);
  await until(() => sink.faults.length > 0);
  t.match(sink.faults, [/ENOENT|EACCES/]);
});

t.test('a closed slot is disconnected and its sink gets no more bytes', async (t) => {
  const listener = await listening(t);
  const sink = new Sink();
  const slot = listener.open(sink);
  const socket = connected(t, slot);
  socket.write('some');
  await until(() => sink.text === 'some');
  slot.close();
  await once(socket, 'close');
  t.strictSame(sink.faults, []);
  t.equal(sink.ended, 0);
  const unused = listener.open(sink);
  unused.close();
  t.notOk(existsSync(pathOf(unused)));
  t.equal(listener.size, 0);
});

t.test('close ends open connections, removes the folder, and can be repeated', async (t) => {
  const listener = await listening(t);
  const slot = listener.open(new Sink());
  const socket = connected(t, slot);
  await once(socket, 'connect');
  await listener.close();
  if (!socket.closed) await once(socket, 'close');
  await listener.close();
  t.notOk(existsSync(path.dirname(pathOf(slot))));
  t.throws(() => listener.open(new Sink()), /not open/);
});
