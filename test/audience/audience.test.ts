import t from 'tap';
import { ANONYMOUS } from '../../src/accounts/index.js';
import { newId } from '../../src/platform/index.js';
import { account, audienceStage, knock, SocketDouble } from '../support/fixtures/audience-fixture.js';

t.test(
  'an admitted viewer counts from its first playlist request until 15 seconds without one',
  async (t) => {
    const { audience, clock, livestream, rows } = await audienceStage(t);
    const streamId = await livestream();
    const { token } = await audience.admit(knock(streamId));
    t.equal(audience.viewers(streamId).total, 0, 'a playlist alone is nobody who watches');
    const joinedAt = clock.now();
    t.equal(audience.recordActivity(streamId, token, 'hls'), 'everybody');
    t.strictSame(audience.viewers(streamId), { total: 1, byProtocol: { whep: 0, 'll-hls': 0, hls: 1 } });
    await clock.advance(14_000);
    t.equal(audience.recordActivity(streamId, token, 'll-hls'), 'everybody');
    audience.recordActivity(streamId, token, 'hls');
    t.strictSame(
      audience.viewers(streamId).byProtocol,
      { whep: 0, 'll-hls': 1, hls: 0 },
      'a plain reload now and then changes nothing',
    );
    await clock.advance(14_000);
    t.equal(audience.viewers(streamId).total, 1);
    await clock.advance(1_000);
    t.equal(audience.viewers(streamId).total, 0);
    t.equal(audience.recordActivity(streamId, token, 'hls'), undefined, 'they have to be let in again');
    t.match(await rows(streamId), [
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
  const { audience, clock, livestream, rows, join, gone } = await audienceStage(t);
  const streamId = await livestream();
  const { token } = await audience.join(ANONYMOUS, knock(streamId));
  const client = new SocketDouble();
  const joined = await join(client, streamId, token);
  t.match(joined, { streamId, viewerToken: token, viewers: 1, state: 'offline' });
  t.match(await join(client, streamId), { viewerToken: token, viewers: 1 }, 'joining twice is joining once');
  const release = (await audience.admit(knock(streamId, { token }))).hold('whep');
  const signalled = (await audience.admitClient(client, streamId)).hold('whep');
  t.equal(await audience.beacon({ ...knock(streamId), token }), 1);
  audience.recordActivity(streamId, token, 'll-hls');
  t.strictSame(audience.viewers(streamId), { total: 1, byProtocol: { whep: 1, 'll-hls': 0, hls: 0 } });

  release();
  release();
  signalled();
  audience.recordActivity(streamId, token, 'll-hls');
  t.strictSame(audience.viewers(streamId).byProtocol, { whep: 0, 'll-hls': 1, hls: 0 });
  await clock.advance(20_000);
  t.equal(audience.viewers(streamId).total, 1, 'the socket is still there');
  gone(client);
  t.equal(audience.viewers(streamId).total, 0, 'gone with the socket');
  const stored = await rows(streamId);
  t.equal(stored.length, 1);
  t.match(stored, [{ protocol: 'll-hls', left_at: Date }]);
});

t.test('a viewer that returns within five minutes continues its view, later it gets a new one', async (t) => {
  const { audience, clock, livestream, rows } = await audienceStage(t);
  const streamId = await livestream();
  const { token } = await audience.join(ANONYMOUS, knock(streamId));
  await clock.advance(60_000);
  t.equal(audience.viewers(streamId).total, 0);
  await audience.admitPlaylistRequest(knock(streamId, { token }), 'hls');
  t.equal(audience.viewers(streamId).total, 1);
  const [again, ...none] = await rows(streamId);
  t.match(again, { left_at: null });
  t.equal(none.length, 0);
  await clock.advance(6 * 60_000);
  t.match(await audience.join(ANONYMOUS, knock(streamId, { token })), { token, viewers: 1 });
  t.match(await rows(streamId), [{ left_at: Date }, { left_at: null }]);
});

t.test('a viewer token that the gateway did not issue is ignored', async (t) => {
  const { audience, livestream } = await audienceStage(t);
  const streamId = await livestream();
  const other = await livestream();
  const { token } = await audience.join(account('ann'), knock(streamId));
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
    await t.rejects(audience.beacon({ ...knock(streamId), token: shown }), { code: 'viewer_token_invalid' });
    t.equal(await audience.admitPlaylistRequest(knock(streamId, { token: shown }), 'hls'), 'everybody');
    t.not((await audience.admit(knock(streamId, { token: shown }))).token, shown, 'they get one of ours');
    audience.leave(ANONYMOUS, { streamId, token: shown });
  }
  t.equal(audience.viewers(streamId).total, 1);
  t.equal(audience.recordActivity(other, token, 'hls'), undefined, 'a token is for one livestream');
  await t.rejects(audience.beacon({ ...knock(other), token }), { code: 'viewer_token_invalid' });
  t.equal(audience.viewers(other).total, 0);
  for (const id of [newId(), 'session', "x' or", streamId.toUpperCase()])
    await t.rejects(audience.admit(knock(id)), { status: 404, code: 'stream_not_found' });
});

t.test('views store the user, and two users are never one viewer', async (t) => {
  const { audience, livestream, rows } = await audienceStage(t);
  const streamId = await livestream();
  const anonymous = await audience.join(ANONYMOUS, knock(streamId));
  const ann = await audience.join(account('ann'), knock(streamId, { token: anonymous.token }));
  t.equal(ann.viewers, 1, 'who signs in stays the same viewer');
  t.not(ann.token, anonymous.token);
  t.equal((await audience.join(account('ann'), knock(streamId, { token: ann.token }))).token, ann.token);
  t.equal((await audience.join(ANONYMOUS, knock(streamId, { token: ann.token }))).token, ann.token);
  const ben = await audience.join(account('ben'), knock(streamId, { token: ann.token }));
  t.equal(ben.viewers, 2);
  t.match(await rows(streamId), [{ user_id: 'ann' }, { user_id: 'ben' }]);
  audience.leave(account('ann'), { streamId });
  t.equal(audience.viewers(streamId).total, 1);
  audience.leave(ANONYMOUS, { streamId });
  audience.leave(ANONYMOUS, { streamId, token: ben.token });
  t.equal(audience.viewers(streamId).total, 0);
});

t.test('concurrent admissions take the last place once', async (t) => {
  const { audience, clock, livestream } = await audienceStage(t);
  const streamId = await livestream({ viewerLimit: 10 });
  const coming = Array.from({ length: 40 }, async (_, index) => {
    if (index % 8 === 0) return (await audience.join(ANONYMOUS, knock(streamId))).token;
    const admission = await audience.admit(knock(streamId));
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
    t.equal((await audience.join(ANONYMOUS, knock(streamId, { token }))).viewers, 10, 'who is in stays in');
  t.equal((await audience.join(account('owner'), knock(streamId))).viewers, 11, 'the broadcaster');
  t.equal((await audience.join(account('root', 'admin'), knock(streamId))).viewers, 12, 'an admin');
  t.equal((await audience.join(account('ann'), knock(streamId))).viewers, 12, 'in place of who only joined');
  await clock.advance(15_000);
  t.equal(audience.viewers(streamId).total, 5, 'who watches by WHEP is still there');
  t.strictSame(audience.viewers(streamId).byProtocol, { whep: 5, 'll-hls': 0, hls: 0 });
  for (let free = 0; free < 5; free++) await audience.join(ANONYMOUS, knock(streamId));
  await t.rejects(audience.join(ANONYMOUS, knock(streamId)), { code: 'viewer_limit_reached' });
});

t.test('a reserved place is freed when its viewer does not watch', async (t) => {
  const { audience, clock, livestream } = await audienceStage(t);
  const streamId = await livestream({ viewerLimit: 1 });
  const admission = await audience.admit(knock(streamId));
  await t.rejects(audience.admit(knock(streamId)), { code: 'viewer_limit_reached' });
  admission.withdraw();
  await audience.admit(knock(streamId));
  await clock.advance(10_000);
  const release = (await audience.admit(knock(streamId))).hold('whep');
  release();
  const late = await audience.admit(knock(streamId));
  await clock.advance(60_000);
  late.hold('whep');
  t.equal(audience.viewers(streamId).total, 1, 'who needs long to connect is not lost');
});

t.test('a private livestream admits its invitees only', async (t) => {
  const { audience, clock, hall, livestream, join } = await audienceStage(t);
  const streamId = await livestream({ visibility: 'private' });
  await hall.addInvitee(streamId, 'ann');
  const missing = {
    status: 404,
    code: 'stream_not_found',
    message: 'There is no such livestream.',
  };
  await t.rejects(audience.admit(knock(newId())), missing);
  await t.rejects(audience.admit(knock(streamId)), missing);
  await t.rejects(audience.admit(knock(streamId, { authorization: 'Bearer viewer ben' })), missing);
  await t.rejects(audience.join(account('ben'), knock(streamId)), missing);
  await t.rejects(join(new SocketDouble(account('ben')), streamId), missing);
  await t.rejects(
    audience.admitPlaylistRequest(knock(streamId), 'hls'),
    missing,
    'a media playlist without a token',
  );
  for (const authorization of ['Bearer viewer ann', 'Bearer broadcaster owner', 'Bearer admin root'])
    t.ok((await audience.admit(knock(streamId, { authorization }))).token);

  const { token } = await audience.join(account('ann'), knock(streamId));
  t.equal(audience.recordActivity(streamId, token, 'hls'), 'invited', 'the token is enough from then on');
  await clock.advance(20_000);
  t.equal(await audience.admitPlaylistRequest(knock(streamId, { token }), 'hls'), 'invited');
  const ann = new SocketDouble(account('ann'));
  await join(ann, streamId, token);
  let isDismissed = false;
  (await audience.admit(knock(streamId, { token }))).hold('whep', () => {
    isDismissed = true;
  });
  t.equal(audience.viewers(streamId).total, 1);

  await hall.removeInvitee(streamId, 'ann');
  while (!isDismissed) await new Promise((resolve) => setImmediate(resolve));
  t.equal(audience.viewers(streamId).total, 0);
  t.match(ann.told, [['livestream:dismissed', { streamId, code: 'stream_not_found' }]]);
  t.equal(ann.rooms.size, 0);
  t.equal(audience.recordActivity(streamId, token, 'hls'), undefined);
  await t.rejects(audience.admitPlaylistRequest(knock(streamId, { token }), 'hls'), missing);
  await t.rejects(audience.beacon({ ...knock(streamId), token }), missing);
});

t.test('the rights of a token expire, while public livestreams accept it', async (t) => {
  const { audience, clock, livestream, hall } = await audienceStage(t);
  const closed = await livestream({ visibility: 'private' });
  await hall.addInvitee(closed, 'ann');
  const { token } = await audience.join(account('ann'), knock(closed));
  const open = await livestream();
  const anonymous = await audience.join(ANONYMOUS, knock(open));
  await clock.advance(13 * 3_600_000);
  await t.rejects(audience.join(ANONYMOUS, knock(closed, { token })), { code: 'stream_not_found' });
  const renewed = await audience.join(account('ann'), knock(closed, { token }));
  t.not(renewed.token, token);
  t.equal((await audience.join(ANONYMOUS, knock(open, { token: anonymous.token }))).token, anonymous.token);
});

t.test('new viewers of one address are rate limited above a burst', async (t) => {
  const { audience, clock, livestream } = await audienceStage(t, {
    limits: { newViewers: { burst: 5, refillMs: 1_000 } },
  });
  const streamId = await livestream();
  const { token } = await audience.join(ANONYMOUS, knock(streamId));
  for (let more = 0; more < 4; more++) await audience.join(ANONYMOUS, knock(streamId));
  await t.rejects(audience.admit(knock(streamId)), {
    status: 429,
    code: 'rate_limited',
    details: { retryAfter: 1 },
  });
  await audience.join(ANONYMOUS, knock(streamId, { token }));
  await audience.join(ANONYMOUS, knock(streamId, { address: '192.0.2.2' }));
  await clock.advance(1_000);
  await audience.admit(knock(streamId));
});

t.test('a client that joins too many livestreams gets 409', async (t) => {
  const { livestream, join, leave } = await audienceStage(t);
  const client = new SocketDouble();
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
  const { audience, broadcasts, clock, livestream } = await audienceStage(t);
  const streamId = await livestream();
  const tell = (viewers: number) => [`stream:${streamId}`, 'viewers:count', { streamId, viewers }];
  for (let index = 0; index < 30; index++) await audience.join(ANONYMOUS, knock(streamId));
  await clock.advance(1_000);
  t.strictSame(broadcasts.splice(0), [tell(30)]);
  await clock.advance(10_000);
  t.strictSame(broadcasts, []);
  const { token } = await audience.join(ANONYMOUS, knock(streamId));
  await clock.advance(1_000);
  audience.leave(ANONYMOUS, { streamId, token });
  await clock.advance(1_000);
  t.strictSame(broadcasts.splice(0), [tell(31), tell(30)]);
  await clock.advance(15_000);
  t.strictSame(broadcasts.splice(0), [tell(0)]);
});

t.test('the end of a broadcast removes all viewers, also those with open connections', async (t) => {
  const { audience, change, clock, livestream, rows, join, gone } = await audienceStage(t);
  const streamId = await livestream();
  const client = new SocketDouble();
  const { viewerToken } = await join(client, streamId);
  const { token } = await audience.join(ANONYMOUS, knock(streamId));
  await clock.advance(5_000);
  change({ streamId, from: 'live', to: { name: 'offline' }, end: 'shutdown' });
  t.equal(audience.viewers(streamId).total, 2, 'a restart is no end');
  change({ streamId, from: 'live', to: { name: 'offline' }, end: 'grace-expired' });
  t.equal(audience.viewers(streamId).total, 0);
  await clock.advance(3_600_000);
  t.match(await rows(streamId), [{ left_at: Date }, { left_at: Date }]);
  change({ streamId, from: 'starting', to: { name: 'live' } });
  t.equal(audience.viewers(streamId).total, 1, 'who waits on the page watches the next broadcast');
  t.ok(audience.recordActivity(streamId, String(viewerToken), 'hls'));
  t.notOk(audience.recordActivity(streamId, token, 'hls'));
  await clock.advance(20_000);
  gone(client);
  t.equal(audience.viewers(streamId).total, 0);
  t.equal((await rows(streamId)).length, 3);
});

t.test('a client that joins gets the chat history unless it declines', async (t) => {
  const greeted: string[] = [];
  const { audience, livestream } = await audienceStage(t, {
    replayHistory: async (client, streamId, enter) => {
      enter();
      return () => greeted.push(`${client.address} ${streamId}`);
    },
  });
  const streamId = await livestream();
  const join = audience.feature.events['join-livestream']!;
  const client = new SocketDouble();
  const acknowledged = await join(client, { streamId });
  t.match(acknowledged, { data: { streamId, viewerToken: String } });
  t.ok(client.rooms.has(`stream:${streamId}`));
  t.same(greeted, [], 'not before the acknowledgement is on its way');
  acknowledged?.afterSent?.();
  t.same(greeted, [`${client.address} ${streamId}`]);
  (await join(client, { streamId }))?.afterSent?.();
  const silent = new SocketDouble();
  (await join(silent, { streamId, history: false }))?.afterSent?.();
  t.ok(silent.rooms.has(`stream:${streamId}`));
  t.equal(greeted.length, 1);
});

t.test('a deleted account is removed from its views, and its tokens end', async (t) => {
  const { audience, hall, livestream, join, roles, rows } = await audienceStage(t);
  const streamId = await livestream();
  const hidden = await livestream({ visibility: 'private' });
  await hall.addInvitee(hidden, 'ann');
  await join(new SocketDouble(account('ann')), streamId);
  const { token } = await audience.join(account('ann'), knock(hidden));
  t.match(await rows(streamId), [{ user_id: 'ann', left_at: null }]);
  t.match(await rows(hidden), [{ user_id: 'ann' }]);
  await audience.join(ANONYMOUS, { ...knock(hidden), token });
  roles.delete('ann');
  audience.accessChanged({ userId: 'ann' });
  await audience.forgetUser('ann');
  t.match(await rows(streamId), [{ user_id: null, left_at: null }], 'who is there stays there');
  t.match(await rows(hidden), [{ user_id: null }]);
  t.equal(audience.recordActivity(hidden, token, 'hls'), undefined);
  await t.rejects(audience.join(ANONYMOUS, { ...knock(hidden), token }), { code: 'stream_not_found' });
});
