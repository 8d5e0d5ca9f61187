import t from 'tap';
import type { FlvTag } from '../../../src/media/index.js';
import { FakeSource } from '../../support/fakes/fake-broadcast.js';
import {
  encoderPidsOf,
  endTimeS,
  isAlive,
  loopedMedia,
  parsedRendition,
  publishInRealTime,
  startTimeS,
  startTranscoderFixture,
  untilRenditionHas,
} from '../../support/fixtures/transcoder-fixture.js';
import type { CmafTrack } from '../../support/media/cmaf.js';
import { sendTags } from '../../support/media/flv-media.js';

t.test('a takeover stops the old encoder at once and starts the new one within a second', async (t) => {
  const made = await loopedMedia(t);
  const { broadcast, subscription, lines } = await startTranscoderFixture(t);
  const old = publishInRealTime(t, subscription, made);
  await untilRenditionHas(broadcast, 0, '360p', 1);
  old.stop();
  old.source.end('replaced');
  const taken = performance.now();
  publishInRealTime(t, subscription, made);
  await untilRenditionHas(broadcast, 1, '360p', 0.2);
  const [first, second] = broadcast.runs;
  t.ok(first?.closed);
  t.ok((second?.openedAt ?? 0) >= (first?.closedAt ?? 0), 'one after the other');
  t.ok((second?.openedAt ?? Number.POSITIVE_INFINITY) - taken < 1_000);
  t.notOk(isAlive(encoderPidsOf(lines())[0] ?? 0));
});

t.test('a new publisher does not wait for an old encoder that hangs at its end', async (t) => {
  const made = await loopedMedia(t);
  const { broadcast, subscription, lines } = await startTranscoderFixture(t);
  const old = publishInRealTime(t, subscription, made);
  await untilRenditionHas(broadcast, 0, '360p', 1);
  process.kill(encoderPidsOf(lines())[0] ?? 0, 'SIGSTOP');
  old.stop();
  old.source.end('publisher-lost');
  const back = performance.now();
  publishInRealTime(t, subscription, made);
  await untilRenditionHas(broadcast, 1, '360p', 0.2);
  t.ok((broadcast.runs[1]?.openedAt ?? Number.POSITIVE_INFINITY) - back < 1_000);
  t.notOk(isAlive(encoderPidsOf(lines())[0] ?? 0));
});

t.test('the end of a publication waits for a hanging encoder for at most five seconds', async (t) => {
  const made = await loopedMedia(t);
  const { broadcast, subscription, lines } = await startTranscoderFixture(t);
  const { source, stop } = publishInRealTime(t, subscription, made);
  await untilRenditionHas(broadcast, 0, '240p', 0.5);
  process.kill(encoderPidsOf(lines())[0] ?? 0, 'SIGSTOP');
  stop();
  source.end('publisher-left');
  const begin = performance.now();
  await subscription.broadcastEnded('grace-expired');
  const took = performance.now() - begin;
  t.ok(took > 4_000 && took < 7_000, `${took} ms`);
});

t.test('a new timeline begins a new run', async (t) => {
  const made = await loopedMedia(t);
  const { broadcast, subscription } = await startTranscoderFixture(t);
  const { source, stop } = publishInRealTime(t, subscription, made);
  await untilRenditionHas(broadcast, 0, '360p', 1.5);
  stop();
  const startedAt = Date.now() + 1;
  source.restart(startedAt, made.has);
  await sendTags(made.tags.slice(0, 300), source.write, { speed: 4 });
  const next = await untilRenditionHas(broadcast, 1, '360p', 1);
  t.equal(broadcast.runs[1]?.originMs, startedAt - 10_000);
  t.ok(startTimeS(next) < 10.2, 'that begins at its beginning');
});

t.test('late audio is added by a new run', async (t) => {
  const made = await loopedMedia(t);
  const late = made.tags.filter(
    ({ kind, header, timestamp }) => kind !== 'audio' || header || timestamp > 2_500,
  );
  const moved = late.sort(
    (a, b) => Number(a.header && a.kind === 'audio') - Number(b.header && b.kind === 'audio'),
  );
  const audioHeader = moved.at(-1) as FlvTag;
  const at = moved.findIndex(({ kind, header }) => kind === 'audio' && !header);
  const tags = [...moved.slice(0, at), { ...audioHeader, timestamp: 2_500 }, ...moved.slice(at, -1)];
  const { broadcast, subscription } = await startTranscoderFixture(t);
  publishInRealTime(t, subscription, { ...made, has: { audio: false, video: true }, tags }, 2);
  await untilRenditionHas(broadcast, 1, 'audio', 0.5);
  t.notOk(broadcast.runs[0]?.renditions.some(({ id }) => id === 'audio'));
  t.equal(broadcast.runs.length, 2);
});

t.test('a run that cannot be opened is requested again', async (t) => {
  const made = await loopedMedia(t);
  const { broadcast, subscription, lines } = await startTranscoderFixture(t);
  let refusals = 2;
  broadcast.beforeRun = async () => {
    if (refusals-- > 0) throw new Error('the database is away');
  };
  publishInRealTime(t, subscription, made);
  await untilRenditionHas(broadcast, 0, '240p', 0.5);
  t.equal(lines().filter(({ reason }) => String(reason).startsWith('the database is away')).length, 2);
});

t.test('encoded bytes that a reader refuses cause a new run', async (t) => {
  const made = await loopedMedia(t);
  const { broadcast, subscription } = await startTranscoderFixture(t);
  broadcast.onBytes = (id) => {
    if (id === '240p' && broadcast.runs.length === 1) throw new Error('this is no CMAF');
  };
  publishInRealTime(t, subscription, made);
  await untilRenditionHas(broadcast, 1, '240p', 0.5);
  t.ok(broadcast.runs[0]?.closed);
});

t.test('a copied sample that a reader refuses causes a new run', async (t) => {
  const made = await loopedMedia(t);
  const { broadcast, subscription } = await startTranscoderFixture(t);
  broadcast.onBytes = (id, bytes) => {
    if (id === '360p' && broadcast.runs.length === 1 && bytes.includes('moof')) throw new Error('refused');
  };
  publishInRealTime(t, subscription, made);
  const copied = await untilRenditionHas(broadcast, 1, '360p', 0.5);
  const encoded = await untilRenditionHas(broadcast, 1, '240p', 0.5);
  t.ok(broadcast.runs[0]?.closed);
  t.equal(startTimeS(encoded), startTimeS(copied), 'all renditions begin with the same keyframe');
});

t.test('timestamps beyond 31 bits begin at a smaller value', async (t) => {
  const made = await loopedMedia(t);
  const base = 2 ** 31 + 1_000;
  const { broadcast, subscription } = await startTranscoderFixture(t);
  const source = new FakeSource(made.info);
  subscription.publicationStarted?.(source);
  const startedAt = Date.now();
  source.restart(startedAt, made.has);
  const shifted = (tag: FlvTag): void => {
    const by = tag.timestamp >= 4_000 ? base : 0;
    source.write({ ...tag, timestamp: tag.timestamp + by });
  };
  await sendTags(made.tags.slice(0, 600), shifted, { speed: 3 });
  t.equal(broadcast.runs.length, 2);
  const before = parsedRendition(broadcast.runs[0], '240p') as CmafTrack;
  t.ok(endTimeS(before) < 14.2, `${endTimeS(before)}`);
  const found = await untilRenditionHas(broadcast, 1, '240p', 1.5);
  t.ok(startTimeS(found) >= 10 && startTimeS(found) < 10.2, `${startTimeS(found)}`);
  t.equal(broadcast.runs[1]?.originMs, startedAt + base + 4_000 - 10_000);
});
