import t from 'tap';
import { ANONYMOUS } from '../../src/accounts/index.js';
import { newId } from '../../src/platform/index.js';
import {
  account,
  FakeAudienceClient,
  openAudienceFixture,
  viewerRequest,
} from '../support/fixtures/audience-fixture.js';

t.test(
  'an admitted viewer counts from its first playlist request until 15 seconds without one',
  async (t) => {
    const { audience, clock, livestream, viewRows } = await openAudienceFixture(t);
    const streamId = await livestream();
    const { token } = await audience.admit(viewerRequest(streamId));
    t.equal(audience.viewers(streamId).total, 0, 'a multivariant playlist alone is not a view');
    const joinedAt = clock.now();
    t.equal(audience.recordActivity(streamId, token, 'hls'), 'everybody');
    t.strictSame(audience.viewers(streamId), {
      total: 1,
      byProtocol: { whep: 0, 'll-hls': 0, hls: 1, dash: 0 },
    });
    await clock.advance(14_000);
    t.equal(audience.recordActivity(streamId, token, 'll-hls'), 'everybody');
    audience.recordActivity(streamId, token, 'hls');
    t.strictSame(
      audience.viewers(streamId).byProtocol,
      { whep: 0, 'll-hls': 1, hls: 0, dash: 0 },
      'plain requests in between keep the protocol',
    );
    await clock.advance(14_000);
    t.equal(audience.viewers(streamId).total, 1);
    await clock.advance(1_000);
    t.equal(audience.viewers(streamId).total, 0);
    t.equal(audience.recordActivity(streamId, token, 'hls'), undefined, 'the viewer needs a new admission');
    t.match(await viewRows(streamId), [
      {
        joined_at: new Date(joinedAt),
        left_at: new Date(joinedAt + 14_000),
        protocol: 'll-hls',
        user_id: null,
      },
    ]);
  },
);

t.test('a page with a socket, WHEP, playlists and beacons is one viewer', async (t) => {
  const { audience, clock, livestream, viewRows, join, gone } = await openAudienceFixture(t);
  const streamId = await livestream();
  const { token } = await audience.join(ANONYMOUS, viewerRequest(streamId));
  const client = new FakeAudienceClient();
  const joined = await join(client, streamId, token);
  t.match(joined, { streamId, viewerToken: token, viewers: 1, state: 'offline' });
  t.match(
    await join(client, streamId),
    { viewerToken: token, viewers: 1 },
    'a second join of one client is not counted',
  );
  const release = (await audience.admit(viewerRequest(streamId, { token }))).hold('whep');
  const signalled = (await audience.admitClient(client, streamId)).hold('whep');
  t.equal(await audience.beacon({ ...viewerRequest(streamId), token }), 1);
  audience.recordActivity(streamId, token, 'll-hls');
  t.strictSame(audience.viewers(streamId), {
    total: 1,
    byProtocol: { whep: 1, 'll-hls': 0, hls: 0, dash: 0 },
  });

  release();
  release();
  signalled();
  audience.recordActivity(streamId, token, 'll-hls');
  t.strictSame(audience.viewers(streamId).byProtocol, { whep: 0, 'll-hls': 1, hls: 0, dash: 0 });
  await clock.advance(20_000);
  t.equal(audience.viewers(streamId).total, 1, 'the socket still counts');
  gone(client);
  t.equal(audience.viewers(streamId).total, 0, 'the viewer ends with its socket');
  const stored = await viewRows(streamId);
  t.equal(stored.length, 1);
  t.match(stored, [{ protocol: 'll-hls', left_at: Date }]);
});

t.test('a viewer that returns within five minutes continues its view, later it gets a new one', async (t) => {
  const { audience, clock, livestream, viewRows } = await openAudienceFixture(t);
  const streamId = await livestream();
  const { token } = await audience.join(ANONYMOUS, viewerRequest(streamId));
  await clock.advance(60_000);
  t.equal(audience.viewers(streamId).total, 0);
  await audience.admitPlaylistRequest(viewerRequest(streamId, { token }), 'hls');
  t.equal(audience.viewers(streamId).total, 1);
  const [again, ...none] = await viewRows(streamId);
  t.match(again, { left_at: null });
  t.equal(none.length, 0);
  await clock.advance(6 * 60_000);
  t.match(await audience.join(ANONYMOUS, viewerRequest(streamId, { token })), { token, viewers: 1 });
  t.match(await viewRows(streamId), [{ left_at: Date }, { left_at: null }]);
});

t.test('a viewer token that the gateway did not issue is ignored', async (t) => {
  const { audience, livestream } = await openAudienceFixture(t);
  const streamId = await livestream();
  const other = await livestream();
  const { token } = await audience.join(account('ann'), viewerRequest(streamId));
  const middle = Math.floor(token.length / 2);
  const wrong = [
    '',
    'x',
    'é',
    token.slice(1),
    token.slice(0, -4),
    `${token}AAAA`,
    token.slice(0, middle) + (token[middle] === 'A' ? 'B' : 'A') + token.slice(middle + 1),
    'A'.repeat(5_000),
  ];
  for (const shown of wrong) {
    t.equal(audience.recordActivity(streamId, shown, 'hls'), undefined);
    await t.rejects(audience.beacon({ ...viewerRequest(streamId), token: shown }), {
      code: 'viewer_token_invalid',
    });
    t.equal(
      await audience.admitPlaylistRequest(viewerRequest(streamId, { token: shown }), 'hls'),
      'everybody',
    );
    t.not(
      (await audience.admit(viewerRequest(streamId, { token: shown }))).token,
      shown,
      'a token of this gateway is issued',
    );
    audience.leave(ANONYMOUS, { streamId, token: shown });
  }
  t.equal(audience.viewers(streamId).total, 1);
  t.equal(audience.recordActivity(other, token, 'hls'), undefined, 'a token is valid for one livestream');
  await t.rejects(audience.beacon({ ...viewerRequest(other), token }), { code: 'viewer_token_invalid' });
  t.equal(audience.viewers(other).total, 0);
  for (const id of [newId(), 'session', "x' or", streamId.toUpperCase()])
    await t.rejects(audience.admit(viewerRequest(id)), { status: 404, code: 'stream_not_found' });
});

t.test('views store the user, and two users are never one viewer', async (t) => {
  const { audience, livestream, viewRows } = await openAudienceFixture(t);
  const streamId = await livestream();
  const anonymous = await audience.join(ANONYMOUS, viewerRequest(streamId));
  const ann = await audience.join(account('ann'), viewerRequest(streamId, { token: anonymous.token }));
  t.equal(ann.viewers, 1, 'a viewer who signs in keeps their view');
  t.not(ann.token, anonymous.token);
  t.equal(
    (await audience.join(account('ann'), viewerRequest(streamId, { token: ann.token }))).token,
    ann.token,
  );
  t.equal((await audience.join(ANONYMOUS, viewerRequest(streamId, { token: ann.token }))).token, ann.token);
  const ben = await audience.join(account('ben'), viewerRequest(streamId, { token: ann.token }));
  t.equal(ben.viewers, 2);
  t.match(await viewRows(streamId), [{ user_id: 'ann' }, { user_id: 'ben' }]);
  audience.leave(account('ann'), { streamId });
  t.equal(audience.viewers(streamId).total, 1);
  audience.leave(ANONYMOUS, { streamId });
  audience.leave(ANONYMOUS, { streamId, token: ben.token });
  t.equal(audience.viewers(streamId).total, 0);
});

t.test('concurrent admissions take the last place once', async (t) => {
  const { audience, clock, livestream } = await openAudienceFixture(t);
  const streamId = await livestream({ viewerLimit: 10 });
  const coming = Array.from({ length: 40 }, async (_, index) => {
    if (index % 8 === 0) return (await audience.join(ANONYMOUS, viewerRequest(streamId))).token;
    const admission = await audience.admit(viewerRequest(streamId));
    admission.hold('whep');
    return admission.token;
  });
  const outcomes = await Promise.allSettled(coming);
  const tokens = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
  t.equal(tokens.length, 10);
  for (const outcome of outcomes)
    if (outcome.status === 'rejected')
      t.match(outcome.reason, { status: 503, code: 'viewer_limit_reached', details: { retryAfter: 10 } });
  t.equal(audience.viewers(streamId).total, 10);
  for (const token of tokens)
    t.equal(
      (await audience.join(ANONYMOUS, viewerRequest(streamId, { token }))).viewers,
      10,
      'an admitted viewer stays admitted',
    );
  t.equal((await audience.join(account('owner'), viewerRequest(streamId))).viewers, 11, 'the broadcaster');
  t.equal((await audience.join(account('root', 'admin'), viewerRequest(streamId))).viewers, 12, 'an admin');
  t.equal(
    (await audience.join(account('ann'), viewerRequest(streamId))).viewers,
    12,
    'in place of a viewer that only joined',
  );
  await clock.advance(15_000);
  t.equal(audience.viewers(streamId).total, 5, 'a viewer with a WHEP session is kept');
  t.strictSame(audience.viewers(streamId).byProtocol, { whep: 5, 'll-hls': 0, hls: 0, dash: 0 });
  for (let free = 0; free < 5; free++) await audience.join(ANONYMOUS, viewerRequest(streamId));
  await t.rejects(audience.join(ANONYMOUS, viewerRequest(streamId)), { code: 'viewer_limit_reached' });
});

t.test('a reserved place is freed when its viewer does not watch', async (t) => {
  const { audience, clock, livestream } = await openAudienceFixture(t);
  const streamId = await livestream({ viewerLimit: 1 });
  const admission = await audience.admit(viewerRequest(streamId));
  await t.rejects(audience.admit(viewerRequest(streamId)), { code: 'viewer_limit_reached' });
  admission.withdraw();
  await audience.admit(viewerRequest(streamId));
  await clock.advance(10_000);
  const release = (await audience.admit(viewerRequest(streamId))).hold('whep');
  release();
  const late = await audience.admit(viewerRequest(streamId));
  await clock.advance(60_000);
  late.hold('whep');
  t.equal(audience.viewers(streamId).total, 1, 'a viewer that connects late is admitted');
});

t.test('a private livestream admits its invitees only', async (t) => {
  const { audience, clock, livestreams, livestream, join } = await openAudienceFixture(t);
  const streamId = await livestream({ visibility: 'private' });
  await livestreams.invitees.add(streamId, 'ann');
  const missing = {
    status: 404,
    code: 'stream_not_found',
    message: 'There is no such livestream.',
  };
  await t.rejects(audience.admit(viewerRequest(newId())), missing);
  await t.rejects(audience.admit(viewerRequest(streamId)), missing);
  await t.rejects(audience.admit(viewerRequest(streamId, { authorization: 'Bearer viewer ben' })), missing);
  await t.rejects(audience.join(account('ben'), viewerRequest(streamId)), missing);
  await t.rejects(join(new FakeAudienceClient(account('ben')), streamId), missing);
  await t.rejects(
    audience.admitPlaylistRequest(viewerRequest(streamId), 'hls'),
    missing,
    'a media playlist without a token',
  );
  for (const authorization of ['Bearer viewer ann', 'Bearer broadcaster owner', 'Bearer admin root'])
    t.ok((await audience.admit(viewerRequest(streamId, { authorization }))).token);

  const { token } = await audience.join(account('ann'), viewerRequest(streamId));
  t.equal(audience.recordActivity(streamId, token, 'hls'), 'invited', 'the token is sufficient from then on');
  await clock.advance(20_000);
  t.equal(await audience.admitPlaylistRequest(viewerRequest(streamId, { token }), 'hls'), 'invited');
  const ann = new FakeAudienceClient(account('ann'));
  await join(ann, streamId, token);
  let isDismissed = false;
  (await audience.admit(viewerRequest(streamId, { token }))).hold('whep', () => {
    isDismissed = true;
  });
  t.equal(audience.viewers(streamId).total, 1);

  await livestreams.invitees.remove(streamId, 'ann');
  while (!isDismissed) await new Promise((resolve) => setImmediate(resolve));
  t.equal(audience.viewers(streamId).total, 0);
  t.match(ann.received, [['livestream:dismissed', { streamId, code: 'stream_not_found' }]]);
  t.equal(ann.rooms.size, 0);
  t.equal(audience.recordActivity(streamId, token, 'hls'), undefined);
  await t.rejects(audience.admitPlaylistRequest(viewerRequest(streamId, { token }), 'hls'), missing);
  await t.rejects(audience.beacon({ ...viewerRequest(streamId), token }), missing);
});

t.test('the rights of a token expire, while public livestreams accept it', async (t) => {
  const { audience, clock, livestream, livestreams } = await openAudienceFixture(t);
  const closed = await livestream({ visibility: 'private' });
  await livestreams.invitees.add(closed, 'ann');
  const { token } = await audience.join(account('ann'), viewerRequest(closed));
  const open = await livestream();
  const anonymous = await audience.join(ANONYMOUS, viewerRequest(open));
  await clock.advance(13 * 3_600_000);
  await t.rejects(audience.join(ANONYMOUS, viewerRequest(closed, { token })), { code: 'stream_not_found' });
  const renewed = await audience.join(account('ann'), viewerRequest(closed, { token }));
  t.not(renewed.token, token);
  t.equal(
    (await audience.join(ANONYMOUS, viewerRequest(open, { token: anonymous.token }))).token,
    anonymous.token,
  );
});

t.test('new viewers of one address are rate limited above a burst', async (t) => {
  const { audience, clock, livestream } = await openAudienceFixture(t, {
    limits: { newViewers: { burst: 5, refillMs: 1_000 } },
  });
  const streamId = await livestream();
  const { token } = await audience.join(ANONYMOUS, viewerRequest(streamId));
  for (let more = 0; more < 4; more++) await audience.join(ANONYMOUS, viewerRequest(streamId));
  await t.rejects(audience.admit(viewerRequest(streamId)), {
    status: 429,
    code: 'rate_limited',
    details: { retryAfter: 1 },
  });
  await audience.join(ANONYMOUS, viewerRequest(streamId, { token }));
  await audience.join(ANONYMOUS, viewerRequest(streamId, { address: '192.0.2.2' }));
  await clock.advance(1_000);
  await audience.admit(viewerRequest(streamId));
});

t.test('a client that joins too many livestreams gets 409', async (t) => {
  const { livestream, join, leave } = await openAudienceFixture(t);
  const client = new FakeAudienceClient();
  const streams = await Promise.all(Array.from({ length: 21 }, () => livestream()));
  for (const streamId of streams.slice(0, 20)) await join(client, streamId);
  await t.rejects(join(client, streams[20]!), { code: 'too_many_livestreams' });
  leave(client, streams[3]!);
  await join(client, streams[20]!);
  for (const data of [{}, { streamId: 5 }, { streamId: streams[0], viewerToken: {} }])
    await t.rejects(join(client, data.streamId as string, data.viewerToken as unknown as string), {
      code: 'validation_failed',
    });
});

t.test('the room gets changed viewer counts, at most once a second', async (t) => {
  const { audience, broadcasts, clock, livestream } = await openAudienceFixture(t);
  const streamId = await livestream();
  const countMessage = (viewers: number) => [`stream:${streamId}`, 'viewers:count', { streamId, viewers }];
  for (let index = 0; index < 30; index++) await audience.join(ANONYMOUS, viewerRequest(streamId));
  await clock.advance(1_000);
  t.strictSame(broadcasts.splice(0), [countMessage(30)]);
  await clock.advance(10_000);
  t.strictSame(broadcasts, []);
  const { token } = await audience.join(ANONYMOUS, viewerRequest(streamId));
  await clock.advance(1_000);
  audience.leave(ANONYMOUS, { streamId, token });
  await clock.advance(1_000);
  t.strictSame(broadcasts.splice(0), [countMessage(31), countMessage(30)]);
  await clock.advance(15_000);
  t.strictSame(broadcasts.splice(0), [countMessage(0)]);
});

t.test('the end of a broadcast removes all viewers, also those with open connections', async (t) => {
  const { audience, change, clock, livestream, viewRows, join, gone } = await openAudienceFixture(t);
  const streamId = await livestream();
  const client = new FakeAudienceClient();
  const { viewerToken } = await join(client, streamId);
  const { token } = await audience.join(ANONYMOUS, viewerRequest(streamId));
  await clock.advance(5_000);
  change({ streamId, from: 'live', to: { name: 'offline' }, end: 'shutdown' });
  t.equal(audience.viewers(streamId).total, 2, 'a restart is not an end');
  change({ streamId, from: 'live', to: { name: 'offline' }, end: 'grace-expired' });
  t.equal(audience.viewers(streamId).total, 0);
  const late = viewerRequest(streamId, { token: String(viewerToken) });
  t.equal(await audience.admitPlaylistRequest(late, 'hls'), 'everybody', 'the last playlist is served');
  await audience.beacon({ ...late, token: String(viewerToken) });
  t.equal(audience.viewers(streamId).total, 0, 'the media that are left do not count');
  await clock.advance(3_600_000);
  t.match(await viewRows(streamId), [{ left_at: Date }, { left_at: Date }]);
  change({ streamId, from: 'starting', to: { name: 'live' } });
  t.equal(audience.viewers(streamId).total, 1, 'a client that stays in the room watches the next broadcast');
  t.ok(audience.recordActivity(streamId, String(viewerToken), 'hls'));
  t.notOk(audience.recordActivity(streamId, token, 'hls'));
  await clock.advance(20_000);
  gone(client);
  t.equal(audience.viewers(streamId).total, 0);
  t.equal((await viewRows(streamId)).length, 3);
});

t.test('a client that joins gets the chat history unless it declines', async (t) => {
  const replayed: string[] = [];
  const { audience, livestream } = await openAudienceFixture(t, {
    replayHistory: async (client, streamId, enter) => {
      enter();
      return () => replayed.push(`${client.address} ${streamId}`);
    },
  });
  const streamId = await livestream();
  const join = audience.feature.events['join-livestream']!;
  const client = new FakeAudienceClient();
  const acknowledged = await join(client, { streamId });
  t.match(acknowledged, { data: { streamId, viewerToken: String } });
  t.ok(client.rooms.has(`stream:${streamId}`));
  t.same(replayed, [], 'not before the acknowledgement is sent');
  acknowledged?.afterSent?.();
  t.same(replayed, [`${client.address} ${streamId}`]);
  (await join(client, { streamId }))?.afterSent?.();
  const silent = new FakeAudienceClient();
  (await join(silent, { streamId, history: false }))?.afterSent?.();
  t.ok(silent.rooms.has(`stream:${streamId}`));
  t.equal(replayed.length, 1);
});

t.test('a deleted account is removed from its views, and its tokens end', async (t) => {
  const { audience, livestreams, livestream, join, roles, viewRows } = await openAudienceFixture(t);
  const streamId = await livestream();
  const hidden = await livestream({ visibility: 'private' });
  await livestreams.invitees.add(hidden, 'ann');
  await join(new FakeAudienceClient(account('ann')), streamId);
  const { token } = await audience.join(account('ann'), viewerRequest(hidden));
  t.match(await viewRows(streamId), [{ user_id: 'ann', left_at: null }]);
  t.match(await viewRows(hidden), [{ user_id: 'ann' }]);
  await audience.join(ANONYMOUS, { ...viewerRequest(hidden), token });
  roles.delete('ann');
  audience.accessChanged({ userId: 'ann' });
  await audience.forgetUser('ann');
  t.match(await viewRows(streamId), [{ user_id: null, left_at: null }], 'an anonymous viewer stays');
  t.match(await viewRows(hidden), [{ user_id: null }]);
  t.equal(audience.recordActivity(hidden, token, 'hls'), undefined);
  await t.rejects(audience.join(ANONYMOUS, { ...viewerRequest(hidden), token }), {
    code: 'stream_not_found',
  });
});
