import { once } from 'node:events';
import type { Duplex } from 'node:stream';
import t, { type Test } from 'tap';
import { PublicError } from '../../../../src/platform/index.js';
import type { AccessScope, ViewerAdmission, ViewerProtocol } from '../../../../src/streams/index.js';
import { DeliveredBroadcast, type DeliveredOptions } from '../../../support/gateway/delivered-broadcast.js';
import { deliveryPids } from '../../../support/gateway/delivery-processes.js';
import type { HttpConnection, RawAnswer } from '../../../support/gateway/http-connection.js';
import { makeLadder } from '../../../support/media/cmaf-ladder.js';
import { until } from '../../../support/until.js';

const ladder = await makeLadder({ folder: t.testdir(), durationS: 8, frameRate: '25', gop: 50 });
const TOKEN = 'AQ-token_1';
const FOLDER = '/hls/stream-1/broadcast-1/source';
const PLAYLIST = `${FOLDER}/index.m3u8`;

/** Fake viewer admission that knows one token, and counts calls. */
class FakeAdmission implements ViewerAdmission {
  scope: AccessScope = 'everybody';
  readonly seen: string[] = [];

  async admit() {
    return { token: TOKEN, hold: () => () => {}, onRevoked: () => () => {}, withdraw() {} };
  }

  recordActivity(_streamId: string, token: string, protocol: ViewerProtocol) {
    if (token !== TOKEN) return undefined;
    this.seen.push(protocol);
    return this.scope;
  }

  mediaAccess(_streamId: string, token: string | undefined) {
    return this.scope === 'everybody' || token === TOKEN ? this.scope : undefined;
  }

  async admitPlaylistRequest({ token }: { token?: string | undefined }) {
    if (this.scope === 'invited' && token !== TOKEN) throw new PublicError(404, 'stream_not_found', 'none');
    return this.scope;
  }
}

async function start(t: Test, options: Partial<DeliveredOptions> = {}) {
  const admission = new FakeAdmission();
  const delivered = await DeliveredBroadcast.start(t, { ladder, pauseS: 15.1, admission, ...options });
  return { delivered, admission };
}

/** Opens a connection that the gateway serves, and one that a delivery process serves. */
async function openBoth(t: Test, delivered: DeliveredBroadcast) {
  await delivered.setBusy(false);
  const direct = delivered.connect(t);
  await direct.request('GET', PLAYLIST);
  await delivered.startProcess();
  const handedOver = delivered.connect(t);
  await handedOver.request('GET', `${PLAYLIST}?v=${TOKEN}`);
  t.equal(delivered.requests.length, 1, 'served by a delivery process');
  // Busy, the gateway would close connections.
  await delivered.setBusy(false);
  return { direct, handedOver };
}

function assertEqual(t: Test, delivered: RawAnswer, direct: RawAnswer, name: string): void {
  t.equal(delivered.head, direct.head, `head of ${name}`);
  t.ok(delivered.body.equals(direct.body), `body of ${name}`);
}

/** Reads the numbers of the open segment and its next part. */
async function nextPart(connection: HttpConnection): Promise<{ msn: string; part: string; file: string }> {
  const { body } = await connection.request('GET', PLAYLIST);
  const [, file = '', msn = '', part = ''] =
    /PRELOAD-HINT:TYPE=PART,URI="(p(\d+)\.(\d+)\.m4s)"/.exec(String(body)) ?? [];
  return { msn, part, file };
}

t.test('answers of a delivery process equal those of the gateway', async (t) => {
  const { delivered, admission } = await start(t);
  const { direct, handedOver } = await openBoth(t, delivered);
  const compare = async (name: string, url: string, status: number, method = 'GET', headers = '') => {
    const expected = await direct.request(method, url, headers);
    t.equal(expected.status, status, name);
    for (const time of ['first', 'second'])
      assertEqual(t, await handedOver.request(method, url, headers), expected, `${name}, ${time} time`);
  };
  const { msn, part } = await nextPart(direct);
  const media = { init: 'init-0.mp4', segment: 's1.m4s', part: 'p1.2.m4s' };
  for (const v of ['', `v=${TOKEN}&`]) {
    await compare('multivariant playlist', `/hls/stream-1/index.m3u8?${v}`, 200);
    await compare('media playlist', `${PLAYLIST}?${v}`, 200);
    await compare('delta playlist', `${PLAYLIST}?${v}_HLS_skip=YES`, 200);
    await compare(
      'reload of a part that exists',
      `${PLAYLIST}?${v}_HLS_msn=${msn}&_HLS_part=${Number(part) - 1}`,
      200,
    );
    await compare('reload too far ahead', `${PLAYLIST}?${v}_HLS_msn=99`, 400);
    await compare('directive that is no number', `${PLAYLIST}?${v}_HLS_msn=x`, 400);
    await compare('repeated directive', `${PLAYLIST}?${v}_HLS_msn=1&_HLS_msn=1`, 400);
    await compare('playlist of an unknown rendition', `/hls/stream-1/broadcast-1/none/index.m3u8?${v}`, 404);
    await compare('HEAD of a playlist', `${PLAYLIST}?${v}`, 200, 'HEAD');
  }
  for (const [name, file] of Object.entries(media)) {
    await compare(name, `${FOLDER}/${file}`, 200);
    await compare(`range of ${name}`, `${FOLDER}/${file}`, 206, 'GET', 'Range: bytes=3-9\r\n');
    await compare(`${name} again`, `${FOLDER}/${file}`, 304, 'GET', 'If-None-Match: "1"\r\n');
    await compare(`range outside ${name}`, `${FOLDER}/${file}`, 416, 'GET', 'Range: bytes=99999999-\r\n');
    await compare(`HEAD of ${name}`, `${FOLDER}/${file}`, 200, 'HEAD');
  }
  await compare('unknown segment', `${FOLDER}/s99.m4s`, 404);
  await compare('escaped path', `${FOLDER}/%73%31.m4s`, 200);
  await compare('invalid path', `${FOLDER}/%zz.m4s`, 400);
  await compare('unknown route', '/hls', 404);
  await compare('preflight', PLAYLIST, 204, 'OPTIONS', 'Access-Control-Request-Method: GET\r\n');
  await compare('other method', PLAYLIST, 404, 'DELETE');

  admission.scope = 'invited';
  for (const [name, file] of Object.entries({ ...media, playlist: 'index.m3u8' }))
    await compare(`private ${name}`, `${FOLDER}/${file}?v=${TOKEN}`, 200);
  await compare('private playlist with a wrong token', `${PLAYLIST}?v=wrong`, 404);
  await compare('private segment with a wrong token', `${FOLDER}/s1.m4s?v=wrong`, 404);
  await compare('private segment that was not asked for', `${FOLDER}/s0.m4s`, 404);
  direct.socket.write('NONSENSE\r\n\r\n');
  handedOver.socket.write('NONSENSE\r\n\r\n');
  assertEqual(t, await handedOver.answer(), await direct.answer(), 'malformed request');
  await Promise.all([direct.closed, handedOver.closed]);
});

t.test('blocked requests of many clients are one request to the gateway', async (t) => {
  const { delivered } = await start(t);
  const { direct, handedOver } = await openBoth(t, delivered);
  const { msn, part, file } = await nextPart(direct);
  await delivered.setBusy(true);
  const others = Array.from({ length: 20 }, () => delivered.connect(t));
  // The gateway admits each viewer once.
  await Promise.all(others.map((client) => client.request('GET', `${PLAYLIST}?v=${TOKEN}`)));
  await delivered.setBusy(false);
  delivered.requests.length = 0;
  const reload = `${PLAYLIST}?_HLS_msn=${msn}&_HLS_part=${part}`;
  direct.send('GET', `${reload}&v=${TOKEN}`);
  for (const client of [handedOver, ...others]) client.send('GET', `${reload}&v=${TOKEN}`);
  await until('the gateway is asked', () => delivered.requests.length > 0);
  others.pop()?.socket.destroy();
  await delivered.continueBroadcast();
  const expected = await direct.answer();
  t.equal(expected.status, 200);
  for (const client of [handedOver, ...others]) assertEqual(t, await client.answer(), expected, 'reload');
  t.strictSame(delivered.requests, [`GET ${reload}`]);
  const body = (await direct.request('GET', `${FOLDER}/${file}`)).body;
  for (const client of [handedOver, ...others])
    t.ok((await client.request('GET', `${FOLDER}/${file}`)).body.equals(body), 'part');
  t.equal(delivered.requests.length, 2);
});

t.test('viewers of a delivery process are counted as those of the gateway', async (t) => {
  const { delivered, admission } = await start(t);
  const { handedOver } = await openBoth(t, delivered);
  admission.seen.length = 0;
  await handedOver.request('GET', `${PLAYLIST}?v=${TOKEN}`);
  await until('the viewer is reported', () => admission.seen.includes('hls'));
  admission.seen.length = 0;
  await handedOver.request('GET', `${PLAYLIST}?v=${TOKEN}&_HLS_skip=YES`);
  await until('as a low-latency viewer', () => admission.seen.includes('ll-hls'));
});

t.test('client data of requests to a delivery process are passed on', async (t) => {
  const { delivered } = await start(t);
  const { direct, handedOver } = await openBoth(t, delivered);
  const place = { streamId: 'stream-1', broadcastId: 'broadcast-1' };
  await direct.request('GET', `${FOLDER}/s0.m4s`, 'CMCD-Status: bs\r\n');
  t.match(delivered.cmcd, [{ ...place, isStarved: true, bufferMs: undefined }]);
  delivered.cmcd.length = 0;
  await handedOver.request('GET', `${FOLDER}/s0.m4s?CMCD=bl%3D2100%2Csu`);
  await handedOver.request('GET', `${PLAYLIST}?v=${TOKEN}`, 'CMCD-Request: bl=900\r\n');
  await until('the samples arrive', () => delivered.cmcd.length === 2);
  t.match(delivered.cmcd, [
    { ...place, bufferMs: 2_100, isUrgent: true },
    { ...place, bufferMs: 900 },
  ]);
});

t.test(
  'viewers of a livestream that becomes private are asked for their permission within a second',
  async (t) => {
    const { delivered, admission } = await start(t);
    const { handedOver } = await openBoth(t, delivered);
    await delivered.setBusy(true);
    const stranger = delivered.connect(t);
    t.equal((await stranger.request('GET', `${PLAYLIST}?v=other`)).status, 200);
    t.equal((await stranger.request('GET', `${FOLDER}/s1.m4s`)).status, 200);
    admission.scope = 'invited';
    const changedAt = performance.now();
    await until(
      'the stranger gets no playlist',
      async () => (await stranger.request('GET', `${PLAYLIST}?v=other`)).status === 404,
    );
    await until('nor media', async () => (await stranger.request('GET', `${FOLDER}/s1.m4s`)).status === 404);
    const tookMs = performance.now() - changedAt;
    t.ok(tookMs < 1_500, `${tookMs} ms`);
    const playlist = await handedOver.request('GET', `${PLAYLIST}?v=${TOKEN}`);
    t.equal(playlist.status, 200);
    t.match(playlist.head, 'cache-control: private, no-store');
    t.match(String(playlist.body), `.m4s?v=${TOKEN}`);
  },
);

t.test(
  'other requests on the same connection reach the gateway with the address of the client',
  async (t) => {
    const { delivered } = await start(t, {
      server: { trustProxy: ['127.0.0.1'] },
      routes: (app) => {
        app.get('/ip', async ({ ip, ips, protocol, host }) => ({ ip, ips, protocol, host }));
        app.post('/echo', async ({ body }) => body);
        app.server.on('upgrade', (_request, socket: Duplex, head: Buffer) => {
          socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n');
          socket.write(head);
          socket.pipe(socket);
        });
      },
    });
    const { direct, handedOver } = await openBoth(t, delivered);
    const forged = 'X-Headend-Peer-Address: 203.0.113.9\r\n';
    const forwarded =
      'X-Forwarded-For: 198.51.100.1, 198.51.100.2\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: h\r\n';
    for (const headers of ['', forged, forwarded, `${forged}${forwarded}`]) {
      const expected = await direct.request('GET', '/ip', headers);
      const answer = await handedOver.request('GET', '/ip', headers);
      t.strictSame(JSON.parse(String(answer.body)), JSON.parse(String(expected.body)));
      t.notMatch(String(expected.body), '203.0.113.9');
    }
    const body = JSON.stringify({ text: 'x'.repeat(100_000) });
    const json = `Content-Type: application/json\r\nContent-Length: ${body.length}\r\n`;
    t.equal(String((await handedOver.request('POST', '/echo', json, body)).body), body);
    const chunked = `Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n`;
    const chunk = `${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`;
    t.equal(String((await handedOver.request('POST', '/echo', chunked, chunk)).body), body);
    handedOver.send('GET', '/echo', 'Connection: Upgrade\r\nUpgrade: echo\r\n', 'early ');
    handedOver.socket.write('late');
    let received = '';
    await until('the echo', () => {
      received += handedOver.takeReceived();
      return received.endsWith('early late');
    });
    t.match(received, /^HTTP\/1\.1 101 /);
    handedOver.socket.end();
    await handedOver.closed;
  },
);

t.test('while the gateway is busy, only connections that begin with HLS are handed over', async (t) => {
  const { delivered } = await start(t, { routes: (app) => void app.get('/x', async () => 'x') });
  await delivered.startProcess();
  const other = delivered.connect(t);
  t.equal((await other.request('GET', '/x')).status, 200);
  t.equal((await other.request('GET', PLAYLIST)).status, 200);
  const split = delivered.connect(t);
  split.socket.write('G');
  await once(split.socket, 'connect');
  await delivered.sample();
  split.socket.write(`ET /x HTTP/1.1\r\nHost: x\r\n\r\nGET /x HTTP/1.1\r\nHost: x\r\n\r\n`);
  t.equal((await split.answer()).status, 200);
  t.equal((await split.answer()).status, 200);
  t.strictSame(delivered.requests, [], 'none of them reached a process');
  const hls = delivered.connect(t);
  hls.socket.write(`GET ${PLAYLIST} HTTP/1.1\r\n`);
  await until('the process has the connection', async () => {
    hls.socket.write('X-A: b\r\n');
    await delivered.sample();
    return (
      (await new Promise((resolve) =>
        delivered.app.server.getConnections((_error, count) => resolve(count)),
      )) === 2
    );
  });
  hls.socket.write('Host: x\r\n\r\n');
  t.equal((await hls.answer()).status, 200, 'a request that comes in pieces');
  t.equal(delivered.requests.length, 1);
  const silent = delivered.connect(t);
  await once(silent.socket, 'connect');
  await until('a connection without a request is closed', async () => {
    await delivered.sample();
    return silent.socket.destroyed || silent.socket.readableEnded;
  });
});

t.test('clients of a busy gateway move to the process bit by bit', async (t) => {
  const { delivered } = await start(t);
  const client = delivered.connect(t);
  await client.request('GET', PLAYLIST);
  await delivered.startProcess();
  const heads: string[] = [];
  const isClose = (head: string | undefined): boolean =>
    head !== undefined && /connection: close/i.test(head);
  while (!isClose(heads.at(-1)) && heads.length <= 16) {
    // A single viewer asks a few times a second.
    await delivered.sample();
    heads.push((await client.request('GET', PLAYLIST)).head);
  }
  t.ok(heads.length <= 16, `closed with answer ${heads.length}`);
  await client.closed;
});

t.test('connections of a process count within the limits until it closes them', async (t) => {
  const { delivered } = await start(t, { server: { limits: { connectionsPerAddress: 3, connections: 5 } } });
  await delivered.startProcess();
  const open: HttpConnection[] = [];
  const statusOfNew = async (): Promise<number> => {
    const client = delivered.connect(t);
    const { status } = await client.request('GET', PLAYLIST);
    if (status === 200) open.push(client);
    return status;
  };
  await until('the process serves three', async () => {
    await statusOfNew();
    return open.length === 3;
  });
  t.equal(await statusOfNew(), 503, 'the address has its share');
  t.equal(delivered.app.server.maxConnections, 2);
  open[0]?.socket.destroy();
  await until('a closed connection frees its place', async () => (await statusOfNew()) === 200);
});

t.test('a process that dies is replaced, and gives its connections free', async (t) => {
  const { delivered } = await start(t, { server: { limits: { connections: 5 } } });
  const { handedOver } = await openBoth(t, delivered);
  const [pid = 0] = deliveryPids(process.pid);
  process.kill(pid, 'SIGKILL');
  await handedOver.closed;
  await until('the places are free', () => delivered.app.server.maxConnections === 5);
  delivered.requests.length = 0;
  await delivered.startProcess();
  const [next = 0] = deliveryPids(process.pid);
  t.not(next, pid);
  await delivered.close();
  t.strictSame(deliveryPids(process.pid), []);
});

t.test('on close, requests in progress are answered as the gateway does', async (t) => {
  const { delivered } = await start(t);
  const { direct, handedOver } = await openBoth(t, delivered);
  const { msn, part } = await nextPart(direct);
  const reload = `${PLAYLIST}?_HLS_msn=${msn}&_HLS_part=${part}`;
  direct.send('GET', reload);
  handedOver.send('GET', reload);
  await until('the process has asked', () => delivered.requests.includes(`GET ${reload}`));
  await delivered.setBusy(true);
  const silent = delivered.connect(t);
  await once(silent.socket, 'connect');
  await delivered.close();
  const [answer, expected] = [await handedOver.answer(), await direct.answer()];
  t.equal(answer.status, expected.status);
  t.ok(answer.body.equals(expected.body));
  await Promise.all([direct.closed, handedOver.closed, silent.closed]);
});
