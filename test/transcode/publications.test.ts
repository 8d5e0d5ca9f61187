import t from 'tap';
import type { FlvTag } from '../../src/media/index.js';
import { SourceDouble } from '../support/fakes/fake-broadcast.js';
import {
  endless,
  endOf,
  has,
  isAlive,
  pidsOf,
  publishing,
  startOf,
  track,
  transcoding,
} from '../support/gateway/transcoding.js';
import type { CmafTrack } from '../support/media/cmaf.js';
import { send } from '../support/media/media.js';

t.test('a takeover stops the old encoder at once and starts the new one within a second', async (t) => {
  const made = await endless(t);
  const { broadcast, visit, lines } = await transcoding(t);
  const old = publishing(t, visit, made);
  await has(broadcast, 0, '360p', 1);
  old.stop();
  old.source.end('replaced');
  const taken = performance.now();
  publishing(t, visit, made);
  await has(broadcast, 1, '360p', 0.2);
  const [first, second] = broadcast.runs;
  t.ok(first?.closed);
  t.ok((second?.openedAt ?? 0) >= (first?.closedAt ?? 0), 'one after the other');
  t.ok((second?.openedAt ?? Number.POSITIVE_INFINITY) - taken < 1_000);
  t.notOk(isAlive(pidsOf(lines())[0] ?? 0));
});

t.test('a new publisher does not wait for a hanging old encoder', async (t) => {
  const made = await endless(t);
  const { broadcast, visit, lines } = await transcoding(t);
  const old = publishing(t, visit, made);
  await has(broadcast, 0, '360p', 1);
  process.kill(pidsOf(lines())[0] ?? 0, 'SIGSTOP');
  old.stop();
  old.source.end('publisher-lost');
  const back = performance.now();
  publishing(t, visit, made);
  await has(broadcast, 1, '360p', 0.2);
  t.ok((broadcast.runs[1]?.openedAt ?? Number.POSITIVE_INFINITY) - back < 1_000);
  t.notOk(isAlive(pidsOf(lines())[0] ?? 0));
});

t.test('an encoder that hangs at the end is not waited for longer than five seconds', async (t) => {
  const made = await endless(t);
  const { broadcast, visit, lines } = await transcoding(t);
  const { source, stop } = publishing(t, visit, made);
  await has(broadcast, 0, '360p', 0.5);
  process.kill(pidsOf(lines())[0] ?? 0, 'SIGSTOP');
  stop();
  source.end('publisher-left');
  const begin = performance.now();
  await visit.broadcastEnded('grace-expired');
  const took = performance.now() - begin;
  t.ok(took > 4_000 && took < 7_000, `${took} ms`);
});

t.test('a new timeline is a new run', async (t) => {
  const made = await endless(t);
  const { broadcast, visit } = await transcoding(t);
  const { source, stop } = publishing(t, visit, made);
  await has(broadcast, 0, '360p', 1.5);
  stop();
  const startedAt = Date.now() + 1;
  source.restart(startedAt, made.has);
  await send(made.tags.slice(0, 300), source.write, { speed: 4 });
  const next = await has(broadcast, 1, '360p', 1);
  t.equal(broadcast.runs[1]?.originMs, startedAt - 10_000);
  t.ok(startOf(next) < 10.2, 'that begins at its beginning');
});

t.test('audio that appears late starts a new run', async (t) => {
  const made = await endless(t);
  const late = made.tags.filter(
    ({ kind, header, timestamp }) => kind !== 'audio' || header || timestamp > 2_500,
  );
  const moved = late.sort(
    (a, b) => Number(a.header && a.kind === 'audio') - Number(b.header && b.kind === 'audio'),
  );
  const audioHeader = moved.at(-1) as FlvTag;
  const at = moved.findIndex(({ kind, header }) => kind === 'audio' && !header);
  const tags = [...moved.slice(0, at), { ...audioHeader, timestamp: 2_500 }, ...moved.slice(at, -1)];
  const { broadcast, visit } = await transcoding(t);
  publishing(t, visit, { ...made, has: { audio: false, video: true }, tags }, 2);
  await has(broadcast, 1, 'audio', 0.5);
  t.notOk(broadcast.runs[0]?.renditions.some(({ id }) => id === 'audio'));
  t.equal(broadcast.runs.length, 2);
});

t.test('opening a run is retried after a failure', async (t) => {
  const made = await endless(t);
  const { broadcast, visit, lines } = await transcoding(t);
  let refusals = 2;
  broadcast.beforeRun = async () => {
    if (refusals-- > 0) throw new Error('the database is away');
  };
  publishing(t, visit, made);
  await has(broadcast, 0, '240p', 0.5);
  t.equal(lines().filter(({ reason }) => String(reason).startsWith('the database is away')).length, 2);
});

t.test('a reader that cannot understand the bytes causes a new run, not a crash', async (t) => {
  const made = await endless(t);
  const { broadcast, visit } = await transcoding(t);
  let once = true;
  broadcast.onBytes = (id) => {
    if (id !== '240p' || broadcast.runs.length > 1 || !once) return;
    once = false;
    throw new Error('this is no CMAF');
  };
  publishing(t, visit, made);
  await has(broadcast, 1, '240p', 0.5);
  t.ok(broadcast.runs[0]?.closed);
});

t.test('timestamps beyond 31 bits begin a smaller count', async (t) => {
  const made = await endless(t);
  const base = 2 ** 31 + 1_000;
  const { broadcast, visit } = await transcoding(t);
  const source = new SourceDouble(made.info);
  visit.publicationStarted?.(source);
  const startedAt = Date.now();
  source.restart(startedAt, made.has);
  const shifted = (tag: FlvTag): void => {
    const by = tag.timestamp >= 4_000 ? base : 0;
    source.write({ ...tag, timestamp: tag.timestamp + by });
  };
  await send(made.tags.slice(0, 600), shifted, { speed: 3 });
  t.equal(broadcast.runs.length, 2);
  const before = track(broadcast.runs[0], '240p') as CmafTrack;
  t.ok(endOf(before) < 14.2, `${endOf(before)}`);
  const found = await has(broadcast, 1, '240p', 1.5);
  t.ok(startOf(found) >= 10 && startOf(found) < 10.2, `${startOf(found)}`);
  t.equal(broadcast.runs[1]?.originMs, startedAt + base + 4_000 - 10_000);
});
