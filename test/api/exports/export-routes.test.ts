import { once } from 'node:events';
import http from 'node:http';
import t from 'tap';
import { newId } from '../../../src/platform/index.js';
import { signInPage } from '../../support/clients/page-session.js';
import { RecordingGateway } from '../../support/recordings/recording-gateway.js';
import { until } from '../../support/until.js';

type Exported = {
  userId: string;
  account: { name: string; sessions: object[]; accessTokens: { label: string }[] } | null;
  livestreams: {
    id: string;
    title: string;
    keys: object[];
    moderators: { userId: string }[];
    bans: { userId: string; byAddress: boolean }[];
    restreamTargets: { name: string }[];
  }[];
  clips: { title: string; visibility: string }[];
  videos: { title: string; state: string }[];
  recordings: { id: string; playback: { mp4: string } | null }[];
  chatMessages: { message: string; deletedAt: string | null }[];
  webhooks: { url: string }[];
};

const MESSAGES = 250;

t.test('an account downloads its data without secrets, one export at a time', async (t) => {
  const recorder = await RecordingGateway.start(t);
  const { gateway, sql } = recorder;
  const [ada, boris] = [await signInPage(gateway, 'Ada', 'broadcaster'), await signInPage(gateway, 'Boris')];
  const path = '/api/auth/me/export';
  const get = (headers: Record<string, string>): Promise<Response> => fetch(gateway.http + path, { headers });
  const created = await ada.request('POST', '/api/livestream/create', { title: 'Concert' });
  const { streamId, streamKey } = created.body as { streamId: string; streamKey: string };
  const livestream = `/api/livestream/${streamId}`;
  const secrets = [streamKey, 'key-of-the-platform'];
  const token = await ada.request('POST', '/api/auth/tokens', { label: 'script' });
  secrets.push((token.body as { secret: string }).secret);
  const target = { name: 'Other', url: 'rtmp://platform.invalid/live', key: 'key-of-the-platform' };
  t.equal((await ada.request('POST', `${livestream}/restream-targets`, target)).status, 201);
  t.equal((await ada.request('PUT', `${livestream}/chat/moderators/${boris.userId}`)).status, 200);
  t.equal((await ada.request('POST', `${livestream}/chat/bans`, { userId: 'mallory' })).status, 201);
  const message = 'x'.repeat(500);
  for (let number = 0; number < MESSAGES; number++)
    await sql`
      insert into livestream_chat (id, stream_id, user_id, user_name, message, address_hash)
      values (${newId()}, ${streamId}, ${ada.userId}, 'Ada', ${`${number} ${message}`}, 'hash-of-an-address')`;
  await sql`
    insert into livestream_chat (id, stream_id, user_id, user_name, message)
    values (${newId()}, ${streamId}, ${boris.userId}, 'Boris', 'of another author')`;
  const recordingId = newId();
  await sql`
    insert into recordings (id, stream_id, broadcast_id, user_id, state, renditions, store_id, started_at, ended_at)
    values (${recordingId}, ${streamId}, ${newId()}, ${ada.userId}, 'ready', 'source', ${newId()}, now(), now())`;
  const clipId = newId();
  await sql`
    insert into recordings (id, stream_id, broadcast_id, user_id, state, purpose, title, renditions, store_id, started_at)
    values (${clipId}, ${streamId}, ${newId()}, ${ada.userId}, 'ready', 'clip', 'A goal', 'source', ${newId()}, now())`;
  await sql`
    insert into clips (id, visibility, created_by, starts_at, ends_at, exact)
    values (${clipId}, 'private', ${boris.userId}, now(), now(), false)`;
  await sql`
    insert into videos (id, user_id, title, visibility, state, store_id, upload_bytes)
    values (${newId()}, ${ada.userId}, 'A film', 'private', 'failed', ${newId()}, 1)`;
  await recorder.request('POST', '/api/webhooks', {
    url: 'https://host.invalid/',
    events: ['broadcast.live'],
  });

  t.equal((await get({})).status, 401);
  const answer = await get(ada.headers);
  t.equal(answer.status, 200);
  t.match(Object.fromEntries(answer.headers), {
    'content-type': 'application/json; charset=utf-8',
    'content-disposition': 'attachment; filename="headend-account.json"',
    'cache-control': 'no-store',
  });
  const text = await answer.text();
  const data = JSON.parse(text) as Exported;
  t.match(data, {
    userId: ada.userId,
    account: { name: 'Ada', sessions: [{}], accessTokens: [{ label: 'script' }] },
    livestreams: [
      {
        ...{ id: streamId, title: 'Concert', keys: [{ status: 'active' }] },
        moderators: [{ userId: boris.userId }],
        bans: [{ userId: 'mallory', byAddress: false }],
        restreamTargets: [{ name: 'Other' }],
      },
    ],
    recordings: [
      { id: recordingId, playback: { mp4: new RegExp(`/recordings/${recordingId}/download.mp4$`) } },
    ],
    clips: [{ id: clipId, title: 'A goal', visibility: 'private' }],
    videos: [{ title: 'A film', state: 'failed' }],
    webhooks: [],
  });
  t.equal(data.chatMessages.length, MESSAGES, 'over several pages, and of no one else');
  t.match(data.chatMessages[0]?.message, /^249 x/);
  for (const secret of [...secrets, 'hash-of-an-address', 'of another author']) t.notMatch(text, secret);

  const mine = await boris.request('GET', path);
  t.match(mine.body, { account: { name: 'Boris' }, livestreams: [], recordings: [], videos: [] });
  t.match((mine.body as Exported).clips, [{ title: 'A goal' }], 'also to who made it');
  t.equal((mine.body as Exported).chatMessages.length, 1);

  await sql`
    insert into livestream_chat (id, stream_id, user_id, user_name, message)
    select gen_random_uuid(), ${streamId}, ${ada.userId}, 'Ada', repeat('y', 500) from generate_series(1, 40000)`;
  const startSlow = async (): Promise<http.IncomingMessage> => {
    const request = http.get(gateway.http + path, { headers: ada.headers, agent: false });
    request.on('error', () => {});
    t.teardown(() => request.destroy());
    const [response] = (await once(request, 'response')) as [http.IncomingMessage];
    response.on('error', () => {});
    return response;
  };
  const slow = await startSlow();
  t.equal(slow.statusCode, 200);
  const second = await get(ada.headers);
  t.equal(second.status, 409);
  t.match(await second.json(), { error: { code: 'export_under_way' } });
  slow.destroy();
  await until('the next one may begin', async () => {
    const [row] = await sql`select from account_exports where user_id = ${ada.userId}`;
    return row === undefined;
  });

  const running = await startSlow();
  t.equal(running.statusCode, 200);
  t.equal((await ada.request('POST', '/api/auth/logout')).status, 200);
  running.resume();
  await until('it is cut off', () => running.destroyed);
  t.notOk(running.complete, 'it ends with the sign-in that started it');

  for (let attempt = 0; attempt < 4; attempt++) await boris.request('GET', path);
  const refused = await get(boris.headers);
  t.equal(refused.status, 429);
  t.ok(Number(refused.headers.get('retry-after')) > 0);
});
