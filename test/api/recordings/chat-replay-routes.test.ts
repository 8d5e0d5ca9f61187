import t from 'tap';
import type { ChatReplay } from '../../../src/api/contract.js';
import { newId } from '../../../src/platform/index.js';
import { assertErrorResponse, type PersonName } from '../../support/fixtures/livestream-api-fixture.js';
import { ORIGIN_MS, openClipApi } from '../../support/recordings/clip-api-fixture.js';

type Api = Awaited<ReturnType<typeof openClipApi>>;

/** Stores a message. @param mediaS what its author was watching, s from the start of the recording; undefined: unknown */
async function say(
  { sql }: Api,
  streamId: string,
  text: string,
  mediaS: number | undefined,
  createdS = mediaS ?? 0,
) {
  const id = newId();
  await sql`
    insert into livestream_chat (id, stream_id, user_id, user_name, message, created_at, media_time)
    values (${id}, ${streamId}, 'vera', 'Vera', ${text}, ${new Date(ORIGIN_MS + createdS * 1_000)},
      ${mediaS === undefined ? null : new Date(ORIGIN_MS + mediaS * 1_000)})`;
  return id;
}

async function replay(api: Api, path: string, name?: PersonName): Promise<ChatReplay> {
  const answer = await api.request(name, 'GET', path);
  if (answer.statusCode !== 200) throw new Error(answer.body);
  return answer.json<ChatReplay>();
}

const shown = ({ messages }: ChatReplay) =>
  messages.map(({ positionS, message }) => `${message.message} ${positionS}`);

t.test(
  'messages are at the place of the recording that their authors were watching, over a reconnect',
  async (t) => {
    const api = await openClipApi(t);
    const streamId = await api.create();
    const at = `recordings/${await api.recorded(streamId)}/chat`;
    await say(api, streamId, 'before', -1);
    // Written late, by a viewer who was behind.
    await say(api, streamId, 'late', 1.5, 9);
    await say(api, streamId, 'first', 0.25);
    await say(api, streamId, 'while nothing was broadcast', 30);
    await say(api, streamId, 'after the reconnect', 62.5);
    await say(api, streamId, 'without a media time', undefined, 100);
    const deleted = await say(api, streamId, 'deleted', 63);
    await api.sql`update livestream_chat set deleted_at = now() where id = ${deleted}`;
    await say(api, streamId, 'the last', 359.9);
    await say(api, streamId, 'after the end', 361);
    await say(api, await api.create(), 'of another livestream', 1);
    const all = [
      'first 0.25',
      'late 1.5',
      'while nothing was broadcast 2',
      'after the reconnect 2.5',
      'without a media time 40',
      'the last 299.9',
    ];
    t.strictSame(shown(await replay(api, at)), all);

    const pages: string[] = [];
    let after = '';
    for (let more = true; more; ) {
      const page = await replay(api, `${at}?limit=2${after}`);
      pages.push(...shown(page));
      after = `&after=${page.messages.at(-1)?.message.id}`;
      more = page.more;
    }
    t.strictSame(pages, all, 'by pages');
    const windows = [0, 2, 40, 299].map(
      (fromS, index, starts) => `?fromS=${fromS}&toS=${starts[index + 1] ?? 1e6}`,
    );
    const byWindow = await Promise.all(windows.map(async (window) => shown(await replay(api, at + window))));
    t.strictSame(byWindow.flat(), all, 'by windows of media time');
    t.strictSame(byWindow[1], ['after the reconnect 2.5']);

    for (const query of ['fromS=-1', 'toS=x', 'limit=0', 'limit=201', 'after=1', 'fromS=1e99', 'page=2'])
      assertErrorResponse(t, await api.request('anna', 'GET', `${at}?${query}`), 400, 'validation_failed');
    t.strictSame(
      shown(await replay(api, `${at}?after=${newId()}`)),
      [],
      'an unknown cursor has nothing behind it',
    );
    t.strictSame(shown(await replay(api, `${at}?fromS=9&toS=3`)), []);
  },
);

t.test('the chat of a recording or clip is as private as its livestream', async (t) => {
  const api = await openClipApi(t);
  const streamId = await api.create();
  const recordingId = await api.recorded(streamId);
  await say(api, streamId, 'hello', 63);
  const made = await api.request('anna', 'POST', `recordings/${recordingId}/clips`, {
    title: 'x',
    startS: 2,
    endS: 9,
  });
  const clipId = made.json<{ clip: { id: string } }>().clip.id;
  await api.recordings.clips.close();
  await api.sql`update recordings set state = 'recording' where id = ${clipId}`;
  assertErrorResponse(
    t,
    await api.request('anna', 'GET', `clips/${clipId}/chat`),
    409,
    'recording_not_ready',
  );
  // The rows of a clip that begins a second before the message.
  await api.sql`insert into recording_files
    select (jsonb_populate_record(f, jsonb_build_object('recording_id', ${clipId}::text))).* from recording_files f
    where recording_id = ${recordingId} on conflict do nothing`;
  await api.sql`insert into recording_segments
    select (jsonb_populate_record(s, jsonb_build_object('recording_id', ${clipId}::text))).* from recording_segments s
    where recording_id = ${recordingId} and msn between 1 and 4 on conflict do nothing`;
  await api.sql`update recordings set state = 'ready' where id = ${clipId}`;
  await api.clock.advance(1_000);
  const paths = [`recordings/${recordingId}/chat`, `clips/${clipId}/chat`] as const;
  t.strictSame(shown(await replay(api, paths[0])), ['hello 3']);
  t.strictSame(shown(await replay(api, paths[1])), ['hello 1']);
  await api.livestreams.edit(streamId, { visibility: 'private' });
  for (const [path, code] of [
    [paths[0], 'recording_not_found'],
    [paths[1], 'clip_not_found'],
  ] as const) {
    for (const name of [undefined, 'vera', 'boris'] as const)
      assertErrorResponse(t, await api.request(name, 'GET', path), 404, code);
    for (const name of ['anna', 'ada', 'operator'] as const)
      t.equal((await replay(api, path, name)).messages.length, 1, `${name}: ${path}`);
  }
  await api.livestreams.invitees.add(streamId, 'vera');
  t.equal((await replay(api, paths[1], 'vera')).messages.length, 1);
  assertErrorResponse(
    t,
    await api.request('anna', 'GET', `recordings/${newId()}/chat`),
    404,
    'recording_not_found',
  );
});
