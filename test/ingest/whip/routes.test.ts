import type { InjectOptions } from 'fastify';
import t from 'tap';
import type { Refusal } from '../../../src/streams/index.js';
import { LOCAL, offerText } from '../../support/clients/webrtc-offer.js';
import { h264Sps } from '../../support/media/parameter-sets.js';
import { FRAGMENT, KEY, SDP, whip } from '../../support/publishers/whip-fixture.js';

t.test('an offer with a stream key gets 201 with a session and starts a publication', async (t) => {
  const { post, pool, publications } = await whip(t);
  const answer = await post(undefined, {
    headers: { 'user-agent': 'Mozilla/5.0 (OBS-Studio/30.2.3; Linux x86_64; en-US)' },
  });
  t.equal(answer.statusCode, 201);
  t.match(answer.headers, {
    'content-type': 'application/sdp',
    location: /^\/whip\/session\/[\w-]{22}$/,
    etag: /^"[0-9a-f]{16}"$/,
    link: ['<stun:stun.example.net>; rel="ice-server"'],
    'accept-patch': 'application/trickle-ice-sdpfrag',
    'access-control-allow-origin': '*',
    'access-control-expose-headers': 'Location, ETag, Link, Accept-Patch, Retry-After',
    'cache-control': 'no-store',
  });
  t.match(answer.body, `a=fingerprint:${LOCAL.fingerprint}\r\n`);
  t.match(answer.body, 'a=simulcast:recv l;m;h\r\n');

  const [peer] = pool.publishers;
  const [publication] = publications;
  t.match(peer?.options, {
    maximumBitrate: 6_000_000,
    remote: { iceUfrag: 'S/T6' },
    plan: { kind: 'publisher' },
  });
  t.match(publication?.publisher, {
    protocol: 'whip',
    streamKey: KEY,
    address: '127.0.0.1',
    encoder: 'OBS 30.2.3',
    rtp: { mediaSourceId: peer?.options.mediaSourceId },
  });

  peer?.source({ video: { codec: 'h264', width: 1280, height: 720 } });
  peer?.media(1234, { audio: true, video: true });
  t.strictSame(publication?.descriptions, [{ video: { codec: 'h264', width: 1280, height: 720 } }]);
  t.strictSame(publication?.timelines, [{ startedAt: 1234, has: { audio: true, video: true }, tags: [] }]);

  const output = await publication?.publisher?.rtp?.send({ video: 5_000, audio: 5_002, srtpKey: 'key' });
  t.match(pool.outputs, [
    { mediaSourceId: peer?.options.mediaSourceId, videoPort: 5_000, audioPort: 5_002, open: true },
  ]);
  output?.close();
  t.match(pool.outputs, [{ open: false }]);
});

t.test('a frame size above the limit ends the publication, and its session gives the reason', async (t) => {
  const { post, pool, publications, ask } = await whip(t);
  const { location } = (await post()).headers;
  const [peer] = pool.publishers;
  peer?.source({ video: { codec: 'vp8', width: 4096, height: 2304 } });
  t.strictSame(publications[0]?.ends, []);
  peer?.source({ video: { codec: 'vp8', width: 8192, height: 8192 } });
  t.strictSame(publications[0]?.ends, ['protocol-error']);
  t.equal(publications[0]?.descriptions.length, 1, 'the size reaches nothing else');
  await peer?.closed;
  const answer = await ask({ method: 'DELETE', url: String(location) });
  t.equal(answer.statusCode, 410);
  t.match(answer.json(), { error: { code: 'picture_too_large', message: /8192x8192 .*4096x2304/ } });
});

t.test('an offer whose parameter sets exceed the frame size limit gets 406', async (t) => {
  const { post, publications } = await whip(t);
  const offering = (width: number, height: number): string => {
    const sets = `sprop-parameter-sets=${h264Sps(width, height).toString('base64')},aOvjyyLA`;
    return offerText('obs').replace(/packetization-mode=1/g, `packetization-mode=1;${sets}`);
  };
  t.match(offering(4096, 2304), /sprop-parameter-sets/);
  const refused = await post(offering(8192, 8192));
  t.equal(refused.statusCode, 406);
  t.match(refused.json(), { error: { code: 'picture_too_large', message: /8192x8192 / } });
  t.equal(publications.length, 0);
  t.equal((await post(offering(4096, 2304))).statusCode, 201);
});

t.test('subscribers that request packets before the SFU knows the media source get them then', async (t) => {
  const { post, pool, publications, registry } = await whip(t);
  let sent: Promise<unknown> | undefined;
  registry.admitted = (publication) => {
    sent = publication.publisher?.rtp?.send({ audio: 5_002, srtpKey: 'key' });
  };
  let asked = -1;
  pool.beforePeer = async () => {
    asked = pool.outputs.length;
  };
  t.equal((await post()).statusCode, 201);
  t.equal(asked, 0);
  await sent;
  t.match(pool.outputs, [{ audioPort: 5_002 }]);

  pool.broken = true;
  const failed = await post();
  t.equal(failed.statusCode, 503);
  t.match(failed.json(), { error: { code: 'webrtc_unavailable' } });
  t.ok(failed.headers['retry-after']);
  t.strictSame(publications[1]?.ends, ['publisher-lost']);
  await t.rejects(sent!, { code: 'webrtc_unavailable' });
});

t.test('a key in the URL is accepted, and appears in neither log nor response', async (t) => {
  const { ask, publications, logLines } = await whip(t);
  const answer = await ask({
    method: 'POST',
    url: `/whip/${KEY}`,
    payload: offerText('obs'),
    headers: SDP,
  });
  t.equal(answer.statusCode, 201);
  t.equal(publications[0]?.publisher?.streamKey, KEY);
  const wrong = await ask({ method: 'POST', url: `/whip/${KEY}`, payload: 'no', headers: SDP });
  t.equal(wrong.statusCode, 400);
  await ask({ method: 'GET', url: `/whip/${KEY}` });
  await ask({ method: 'POST', url: `/whip/${KEY}/more`, payload: 'no', headers: SDP });
  t.ok(logLines.length > 0);
  t.notMatch(logLines.join(''), KEY);
  t.notMatch(JSON.stringify([answer.headers, answer.body, wrong.body]), KEY);
});

t.test('slashes too many in the URL and a key without its scheme are understood', async (t) => {
  const { app, publications } = await whip(t);
  // Over a socket: the URLs of injected requests are parsed before.
  const base = await app.listen({ port: 0, host: '127.0.0.1' });
  const requests: [path: string, authorization?: string][] = [
    ...['/whip/', '//whip', '//whip/'].map((path): [string, string] => [path, `Bearer ${KEY}`]),
    ...[`/whip/${KEY}/`, `//whip/${KEY}`, `//whip/${KEY}/`].map((path): [string] => [path]),
    ['/whip', KEY],
  ];
  for (const [path, authorization] of requests) {
    const headers = { ...SDP, ...(authorization !== undefined && { authorization }) };
    const answer = await fetch(base + path, { method: 'POST', body: offerText('obs'), headers });
    t.equal(answer.status, 201, path);
    t.match(answer.headers.get('location'), /^\/whip\/session\//);
    t.equal(publications.at(-1)?.publisher?.streamKey, KEY);
  }
  t.equal(publications.length, requests.length);
});

t.test('each end of a peer ends the publication with its reason', async (t) => {
  const ends = [
    ['left', 'publisher-left'],
    ['lost', 'publisher-lost'],
    ['never-connected', 'publisher-lost'],
    ['worker-died', 'publisher-lost'],
    ['closed', 'publisher-lost'],
  ] as const;
  const { post, pool, publications, ask } = await whip(t);
  for (const [index, [reason, expected]] of ends.entries()) {
    const { headers } = await post();
    pool.publishers[index]?.end(reason);
    await publications[index]?.until(({ ends }) => ends.length > 0);
    t.strictSame(publications[index]?.ends, [expected], reason);
    const gone = await ask({ method: 'DELETE', url: String(headers.location) });
    t.equal(gone.statusCode, 404, 'the session went with its peer');
  }
});

t.test('DELETE ends the publication; a kicked publisher is disconnected without a reason', async (t) => {
  const { post, pool, publications, ask } = await whip(t);
  const url = String((await post()).headers.location);
  const answer = await ask({ method: 'DELETE', url });
  t.equal(answer.statusCode, 200);
  t.strictSame(publications[0]?.ends, ['publisher-left']);
  t.equal(pool.publishers[0]?.ended, 'closed');
  t.equal((await ask({ method: 'DELETE', url })).statusCode, 404);

  const kicked = String((await post()).headers.location);
  publications[1]?.publisher?.kick('kicked', 'The operator closed this connection.');
  t.equal(pool.publishers[1]?.ended, 'closed');
  await pool.publishers[1]?.closed;
  t.strictSame(publications[1]?.ends, ['kicked']);
  t.equal((await ask({ method: 'DELETE', url: kicked })).statusCode, 404);
});

t.test('a replaced publisher’s session gives the reason, until a thousand others have ended', async (t) => {
  const { post, pool, publications, ask } = await whip(t, {
    limits: { offers: { burst: 2_000, refillMs: 1 } },
  });
  const replaced = async (index: number) => {
    const { location, etag } = (await post()).headers;
    publications[index]?.publisher?.kick('replaced', 'Another encoder took over.');
    return { url: String(location), etag: String(etag) };
  };
  const { url, etag } = await replaced(0);
  t.strictSame(publications[0]?.ends, ['replaced']);
  const readReason = async () => {
    const question = { 'content-type': 'application/trickle-ice-sdpfrag', 'if-match': etag };
    for (const answer of [
      await ask({ method: 'PATCH', url, payload: FRAGMENT, headers: question }),
      await ask({ method: 'DELETE', url }),
    ]) {
      t.equal(answer.statusCode, 410);
      t.match(answer.json(), { error: { code: 'publication_replaced', message: /same stream key/ } });
    }
  };
  await readReason();
  await pool.publishers[0]?.closed;
  await readReason();
  for (let index = 1; index <= 1_000; index++) await replaced(index);
  await pool.publishers[1_000]?.closed;
  t.equal((await ask({ method: 'DELETE', url })).statusCode, 404);
});

t.test('a publisher replaced during negotiation gets 409 and its peer is closed', async (t) => {
  const { post, pool, registry, publications } = await whip(t);
  registry.admitted = (publication) => {
    pool.beforePeer = async () => publication.publisher?.kick('replaced', 'Gone.');
  };
  const answer = await post();
  t.equal(answer.statusCode, 409);
  t.match(answer.json(), { error: { code: 'publication_replaced' } });
  t.equal(pool.publishers[0]?.ended, 'closed');
  t.strictSame(publications[0]?.ends, ['replaced']);
});

t.test('refusals get the status codes of RFC 9725', async (t) => {
  const { post, registry, pool } = await whip(t);
  const cases: [Refusal['code'], number, string | undefined][] = [
    ['stream_key_unknown', 401, undefined],
    ['stream_key_throttled', 429, '60'],
    ['livestream_ended', 403, undefined],
    ['codec_unsupported', 406, undefined],
    ['capacity_reached', 503, '30'],
    ['temporarily_unavailable', 503, '5'],
    ['shutting_down', 503, '5'],
  ];
  for (const [code, status, retryAfter] of cases) {
    registry.refusal = { code, message: 'No.' };
    const answer = await post();
    t.equal(answer.statusCode, status, code);
    t.strictSame(answer.json(), { error: { code, message: 'No.' } });
    t.equal(answer.headers['retry-after'], retryAfter, code);
    t.equal(answer.headers['www-authenticate'] !== undefined, status === 401, code);
    t.equal(answer.headers['access-control-allow-origin'], '*', 'pages may read why');
  }
  t.equal(pool.publishers.length, 0);
});

t.test('invalid offers get their own error codes and reach no admission', async (t) => {
  const { post, ask, publications } = await whip(t, {
    limits: { offers: { burst: 100, refillMs: 10 } },
  });
  const anonymous = await ask({ method: 'POST', url: '/whip', payload: offerText('obs'), headers: SDP });
  t.equal(anonymous.statusCode, 401);
  t.equal(anonymous.headers['www-authenticate'], 'Bearer realm="headend"');
  t.match(anonymous.json(), { error: { code: 'stream_key_missing' } });
  t.equal((await post(undefined, { headers: { authorization: 'Basic eDp5' } })).statusCode, 401);

  const cases: [string, InjectOptions['payload'], Record<string, string>, number, string][] = [
    ['JSON', '{}', { 'content-type': 'application/json' }, 415, 'unsupported_media_type'],
    ['a form', 'a=b', { 'content-type': 'application/x-www-form-urlencoded' }, 415, 'unsupported_media_type'],
    [
      'a fragment',
      FRAGMENT,
      { 'content-type': 'application/trickle-ice-sdpfrag' },
      415,
      'unsupported_media_type',
    ],
    ['nothing', '', {}, 400, 'body_invalid'],
    ['nonsense', 'hello', {}, 400, 'sdp_invalid'],
    ['no bundle', offerText('obs').replace('BUNDLE', 'LOOSE'), {}, 400, 'bundle_required'],
    ['H.265', offerText('obs').replace('H264', 'H265'), {}, 406, 'no_common_codec'],
    ['a heap', 'v=0\r\n'.repeat(20_000), {}, 413, 'body_too_large'],
  ];
  for (const [name, payload, headers, status, code] of cases) {
    const answer = await post(payload as string, { headers });
    t.equal(answer.statusCode, status, name);
    t.match(answer.json(), { error: { code } }, name);
  }
  t.match(
    (await post('{}', { headers: { 'content-type': 'application/json' } })).json().error.message,
    'application/sdp',
  );
  t.equal(
    (await post(undefined, { headers: { 'content-type': 'Application/SDP; charset=utf-8' } })).statusCode,
    201,
  );
  t.equal(publications.length, 1);
});

t.test('candidates with the right ETag get 204; an ICE restart gets 422', async (t) => {
  const { post, ask, pool } = await whip(t);
  const { location, etag } = (await post()).headers;
  const patch = (payload: string, headers: Record<string, string> = {}) =>
    ask({
      method: 'PATCH',
      url: String(location),
      payload,
      headers: { 'content-type': 'application/trickle-ice-sdpfrag', ...headers },
    });
  const expect = async (
    status: number,
    code: string | undefined,
    payload: string,
    headers?: Record<string, string>,
  ) => {
    const answer = await patch(payload, headers);
    t.equal(answer.statusCode, status);
    if (code) t.match(answer.json(), { error: { code } });
  };
  const match = { 'if-match': String(etag) };
  await expect(204, undefined, FRAGMENT, match);
  await expect(204, undefined, FRAGMENT, { 'if-match': `"other", ${etag}` });
  await expect(428, 'if_match_required', FRAGMENT);
  await expect(412, 'etag_mismatch', FRAGMENT, { 'if-match': '"other"' });
  await expect(412, 'etag_mismatch', FRAGMENT, { 'if-match': `W/${etag}` });
  const restart = FRAGMENT.replace('S/T6', 'NEWu');
  await expect(422, 'ice_restart_unsupported', restart, { 'if-match': '*' });
  await expect(422, 'ice_restart_unsupported', restart, { 'if-match': '"*"' });
  await expect(400, 'sdp_invalid', 'hello', match);
  await expect(400, 'body_invalid', '', match);
  await expect(415, 'unsupported_media_type', FRAGMENT, { ...match, 'content-type': 'application/sdp' });
  await expect(415, 'unsupported_media_type', '{}', { ...match, 'content-type': 'application/json' });
  t.equal(pool.publishers[0]?.ended, undefined, 'the session continues');
  const elsewhere = await ask({
    method: 'PATCH',
    url: '/whip/session/AAAAAAAAAAAAAAAAAAAAAA',
    payload: FRAGMENT,
    headers: { 'content-type': 'application/trickle-ice-sdpfrag' },
  });
  t.equal(elsewhere.statusCode, 404);
});

t.test('other methods get 405; OPTIONS answers a CORS preflight', async (t) => {
  const { post, ask } = await whip(t);
  const session = String((await post()).headers.location);
  const cases: [string, string[], string][] = [
    ['/whip', ['GET', 'HEAD', 'PUT', 'PATCH', 'DELETE'], 'POST, OPTIONS'],
    [`/whip/${KEY}`, ['GET', 'HEAD', 'PUT', 'PATCH', 'DELETE'], 'POST, OPTIONS'],
    [session, ['GET', 'HEAD', 'PUT', 'POST'], 'PATCH, DELETE, OPTIONS'],
  ];
  for (const [url, methods, allow] of cases) {
    for (const method of methods as ('GET' | 'POST')[]) {
      const answer = await ask({ method, url, ...(method === 'POST' ? { payload: 'x', headers: SDP } : {}) });
      t.equal(answer.statusCode, 405, `${method} ${url}`);
      t.equal(answer.headers.allow, allow);
    }
    const preflight = await ask({
      method: 'OPTIONS',
      url,
      headers: { origin: 'https://example.net', 'access-control-request-method': 'POST' },
    });
    t.equal(preflight.statusCode, 204);
    t.match(preflight.headers, {
      'access-control-allow-origin': '*',
      'access-control-allow-methods': allow,
      'access-control-allow-headers': 'Authorization, Content-Type, If-Match',
    });
    t.equal(preflight.headers['accept-post'], url === session ? undefined : 'application/sdp');
  }
});

t.test('a thousand offers from one address are rate limited; other addresses are not', async (t) => {
  const { post, clock } = await whip(t);
  const from = (address: string) => post('v=0\r\n', { headers: { 'x-forwarded-for': address } });
  const counts = new Map<number, number>();
  for (let round = 0; round < 1_000; round++) {
    const { statusCode, headers } = await from('192.0.2.7');
    counts.set(statusCode, (counts.get(statusCode) ?? 0) + 1);
    if (statusCode === 429) t.equal(headers['retry-after'], '1');
  }
  t.strictSame(
    counts,
    new Map([
      [400, 20],
      [429, 980],
    ]),
  );
  t.equal((await from('192.0.2.8')).statusCode, 400);
  await clock.advance(1_000);
  t.equal((await from('192.0.2.7')).statusCode, 400);
});

t.test('sessions are limited; the session URL includes the base path', async (t) => {
  const { post, pool, ask } = await whip(t, { limits: { sessions: 2 }, basePath: '/live' });
  const first = await post();
  t.match(first.headers.location, /^\/live\/whip\/session\//);
  await post();
  const full = await post();
  t.equal(full.statusCode, 503);
  t.match(full.json(), { error: { code: 'capacity_reached' } });
  pool.publishers[0]?.end('lost');
  await pool.publishers[0]?.closed;
  t.equal((await post()).statusCode, 201);
  await ask({ method: 'DELETE', url: String(first.headers.location).slice('/live'.length) });
});
