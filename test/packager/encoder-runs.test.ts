import { parse, setOptions, type types } from 'hls-parser';
import t, { type Test } from 'tap';
import { PackagedBroadcast } from '../support/gateway/packaged-broadcast.js';
import { type LadderChunk, makeLadder } from '../support/media/cmaf-ladder.js';
import { readPart } from '../support/media/published-media.js';

setOptions({ strictMode: true });
const ladder = await makeLadder({ folder: t.testdir(), durationS: 6 });
const { renditions, chunks } = ladder;
const IDS = renditions.map(({ id }) => id);
const until = (seconds: number): LadderChunk[] => chunks.filter(({ timeS }) => timeS < seconds);
const without = (id: string): LadderChunk[] => chunks.filter(({ rendition }) => rendition !== id);

const media = (broadcast: PackagedBroadcast, id: string) =>
  parse(broadcast.playlist(id)) as types.MediaPlaylist;

/** Decode times (s) of everything that a rendition holds, in order, with the run of each part. */
function timeline(broadcast: PackagedBroadcast, id: string): { run: number; start: number; end: number }[] {
  const feed = broadcast.packager.findPresentation('stream-1')!.rendition(id)!;
  const parts: { run: number; start: number; end: number }[] = [];
  const timescale = id === 'audio' ? 48_000 : 90_000;
  for (const segment of media(broadcast, id).segments) {
    const run = Number(/init-(\d+)/.exec(segment.map?.uri ?? '')?.[1]);
    if (Number.isNaN(run)) continue;
    for (let index = 0; ; index++) {
      const bytes = feed.part(segment.mediaSequenceNumber, index);
      if (!Buffer.isBuffer(bytes)) break;
      const { startTicks, endTicks } = readPart(feed.init(run)!, bytes);
      parts.push({ run, start: startTicks / timescale, end: endTicks / timescale });
    }
  }
  return parts;
}

/** Seconds between the timelines of two runs, and what must hold for any two. */
function checkOrder(t: Test, broadcast: PackagedBroadcast): void {
  for (const id of IDS) {
    const parts = timeline(broadcast, id);
    t.ok(parts.length > 10);
    const backwards = parts.filter(({ start }, index) => index > 0 && start < parts[index - 1]!.end - 1e-4);
    t.same(backwards, [], `${id}: decode times only rise`);
    const dates = media(broadcast, id).segments.map(({ programDateTime }) => programDateTime!.getTime());
    t.same(
      dates,
      [...new Set(dates)].sort((a, b) => a - b),
      `${id}: dates only rise`,
    );
  }
}

t.test('a run that repeats the last keyframe is placed behind published media', async (t) => {
  const broadcast = new PackagedBroadcast({ keyframeInterval: 2.002 });
  const origin = broadcast.clock.now() - 10_000;
  const first = broadcast.startRun(0, renditions, origin);
  await broadcast.writeChunks(first, until(15));
  first.close();
  await broadcast.writeChunks(broadcast.startRun(1, renditions, origin), chunks);
  checkOrder(t, broadcast);
  for (const id of IDS) {
    const parts = timeline(broadcast, id);
    const next = parts.findIndex(({ run }) => run === 1);
    const hole = parts[next]!.start - parts[next - 1]!.end;
    t.ok(hole >= 0 && hole < 0.5, `${id} goes on after ${hole} s`);
    const text = broadcast.playlist(id);
    t.equal(text.match(/#EXT-X-DISCONTINUITY\n/g)?.length, 1);
    t.match(text, /#EXT-X-DISCONTINUITY\n#EXT-X-MAP:URI="init-1\.mp4"\n/);
  }
  const [, second] = [0, 1].map((run) =>
    IDS.map((id) => timeline(broadcast, id).find((p) => p.run === run)!.start),
  );
  t.ok(Math.max(...second!) - Math.min(...second!) < 0.022, 'audio and video stay synchronized');
});

t.test('media time after a pause follows the wall clock', async (t) => {
  const broadcast = new PackagedBroadcast({ keyframeInterval: 2.002 });
  const first = broadcast.startRun(0, renditions);
  await broadcast.writeChunks(first, chunks);
  first.close();
  await broadcast.clock.advance(20_000);
  const now = broadcast.clock.now();
  await broadcast.writeChunks(broadcast.startRun(1, renditions), chunks);
  checkOrder(t, broadcast);
  const second = media(broadcast, 'source').segments.find(({ discontinuity }) => discontinuity);
  t.ok(Math.abs(second!.programDateTime!.getTime() - now) < 150, 'the date is that of the wall clock');
});

t.test('a resumed broadcast continues with unused sequence numbers', async (t) => {
  const before = new PackagedBroadcast({ keyframeInterval: 2.002 });
  const run = before.startRun(0, renditions);
  await before.writeChunks(run, chunks);
  const last = media(before, 'source').segments.at(-1)!;
  const { clock, startedAt } = before;
  await clock.advance(1000);
  const after = new PackagedBroadcast({ clock, startedAt, resumed: true, keyframeInterval: 2.002 });
  await after.writeChunks(after.startRun(3, renditions), chunks);
  const playlist = media(after, 'source');
  const [first] = playlist.segments;
  t.ok(first!.mediaSequenceNumber > last.mediaSequenceNumber + 10);
  t.ok(first!.programDateTime!.getTime() > last.programDateTime!.getTime());
  t.equal(playlist.discontinuitySequenceBase, 2);
  t.equal(first!.discontinuitySequence, 3, 'the discontinuity sequence number is the index of the run');
  t.equal(first!.map?.uri, 'init-3.mp4');
  checkOrder(t, after);
});

t.test('discontinuity sequence numbers stay correct while the window slides over many runs', async (t) => {
  const broadcast = new PackagedBroadcast({ keyframeInterval: 2.002, windowDurationS: 7 });
  const wrong: string[] = [];
  let gone = 0;
  const numbers = new Map<number, number>();
  // Run 3 shows nothing at all: it must be counted all the same.
  for (const index of [0, 1, 2, 3, 4, 5]) {
    const reader = broadcast.startRun(index, renditions);
    let looked = 0;
    if (index !== 3) {
      await broadcast.writeChunks(reader, chunks, () => {
        if (looked++ % 40 !== 0 || !broadcast.multivariant()) return;
        const playlist = media(broadcast, 'source');
        gone = Math.max(gone, playlist.discontinuitySequenceBase ?? 0);
        for (const segment of playlist.segments) {
          if (!segment.map) continue;
          const run = Number(/init-(\d+)/.exec(segment.map.uri ?? '')?.[1]);
          const text = broadcast.playlist('source');
          const before = text.slice(0, text.indexOf(`p${segment.mediaSequenceNumber}.`) >>> 0);
          const known = numbers.get(segment.mediaSequenceNumber);
          if (known !== undefined && known !== run) wrong.push(`${segment.mediaSequenceNumber} moved`);
          numbers.set(segment.mediaSequenceNumber, run);
          if (!text.includes(`p${segment.mediaSequenceNumber}.`)) continue;
          const counted =
            (playlist.discontinuitySequenceBase ?? 0) +
            (before.match(/#EXT-X-DISCONTINUITY\n/g)?.length ?? 0);
          if (counted !== run)
            wrong.push(`segment ${segment.mediaSequenceNumber} of run ${run} counts as ${counted}`);
        }
      });
    }
    reader.close();
  }
  t.same(wrong, []);
  t.ok(gone >= 4, 'runs have left the window');
  const text = broadcast.playlist('source');
  t.notMatch(text, /init-0/);
  t.equal(
    broadcast.packager.findPresentation('stream-1')?.rendition('source')?.init(0),
    undefined,
    'their inits are gone',
  );
});

t.test('an encoder killed within a box loses only that frame', async (t) => {
  const broadcast = new PackagedBroadcast({ keyframeInterval: 2.002 });
  const reader = broadcast.startRun(0, renditions);
  await broadcast.writeChunks(reader, until(14.5));
  for (const id of IDS) {
    const next = chunks.find(({ rendition, timeS }) => rendition === id && timeS >= 14.5)!;
    reader.write(id, next.bytes.subarray(0, next.bytes.length / 2));
  }
  reader.close();
  for (const id of IDS) {
    const playlist = media(broadcast, id);
    t.ok(playlist.segments.filter(({ uri }) => uri).length >= 2);
    t.equal(timeline(broadcast, id).at(-1)!.end > 14.3, true);
  }
  await broadcast.writeChunks(broadcast.startRun(1, renditions), chunks);
  checkOrder(t, broadcast);
});

t.test('a segment begun in one video rendition only is a gap in the other', async (t) => {
  const broadcast = new PackagedBroadcast({ keyframeInterval: 2.002 });
  const reader = broadcast.startRun(0, renditions);
  // The source has begun its third segment; the encoded rendition is late.
  await broadcast.writeChunks(
    reader,
    chunks.filter(({ rendition, timeS }) => timeS < (rendition === '180p' ? 13.4 : 14.8)),
  );
  t.equal(media(broadcast, 'source').segments.at(-1)?.mediaSequenceNumber, 2);
  const feed = broadcast.packager.findPresentation('stream-1')!.rendition('180p')!;
  const blocked = feed.reload(2, 0);
  if (typeof blocked !== 'object') throw new Error(`${blocked} instead of a wait`);
  reader.close();
  await broadcast.writeChunks(broadcast.startRun(1, renditions), until(14.8));
  t.equal(await blocked.outcome, 'ready', 'who waits for it is told what came instead');
  checkOrder(t, broadcast);
  const source = media(broadcast, 'source').segments.find(({ uri }) => uri === 's2.m4s');
  const { segments } = media(broadcast, '180p');
  t.same(
    segments.filter(({ uri }) => uri).map(({ mediaSequenceNumber }) => mediaSequenceNumber),
    [0, 1, 2, 3, 4],
    'nothing that was listed is gone',
  );
  t.same(
    segments.filter(({ gap }) => gap).map(({ uri, duration }) => [uri, duration]),
    [['s2.m4s', source?.duration]],
  );
  t.equal(segments.at(-1)?.discontinuitySequence, 1);
  t.equal(feed.segment(2), undefined);
  t.ok(feed.segment(1));
  const text = broadcast.playlist('180p');
  t.equal(text.match(/#EXT-X-MAP/g)?.length, 2);
  t.match(text, /#EXT-X-GAP\n#EXTINF:0\.\d+,\ns2\.m4s\n#EXT-X-DISCONTINUITY\n#EXT-X-MAP:URI="init-1\.mp4"\n/);
});

t.test('bytes that are not CMAF throw and published media remain', async (t) => {
  const broadcast = new PackagedBroadcast({ keyframeInterval: 2.002 });
  const reader = broadcast.startRun(0, renditions);
  await broadcast.writeChunks(reader, until(13));
  t.throws(() => reader.write('source', Buffer.from('this is no box at all')), { code: 'cmaf_box_invalid' });
  t.throws(() => reader.write('1080p', Buffer.from('x')), { code: 'rendition_unknown' });
  reader.close();
  t.ok(media(broadcast, 'source').segments.length > 0);
  await broadcast.writeChunks(broadcast.startRun(1, renditions), chunks);
  checkOrder(t, broadcast);
  const mixed = broadcast.startRun(2, [{ id: 'audio', kind: 'video', passthrough: false }]);
  const init = chunks.find(({ rendition }) => rendition === 'audio')!;
  t.throws(() => mixed.write('audio', init.bytes), { code: 'rendition_kind' });
});

t.test('a rendition that a run lacks is gone and the others continue', async (t) => {
  const broadcast = new PackagedBroadcast({ keyframeInterval: 2.002 });
  const first = broadcast.startRun(0, renditions);
  await broadcast.writeChunks(first, chunks);
  first.close();
  const feed = broadcast.packager.findPresentation('stream-1')!.rendition('180p')!;
  const blocked = feed.reload(3, 0);
  if (typeof blocked !== 'object') throw new Error(`${blocked} instead of a wait`);
  const fewer = renditions.filter(({ id }) => id !== '180p');
  const second = broadcast.startRun(1, fewer);
  await broadcast.writeChunks(second, without('180p'));
  second.close();
  t.equal(await blocked.outcome, 'never', 'who waits for it is told');
  t.equal(feed.playlist(false), undefined);
  t.equal(feed.reload(3, 0), 'gone');
  t.ok(Buffer.isBuffer(feed.part(1, 0)), 'its parts can still be fetched');
  t.notMatch(broadcast.multivariant(), /180p/);
  t.notMatch(broadcast.playlist('source'), /180p/);
  t.match(broadcast.multivariant(), /audio/);

  await broadcast.writeChunks(broadcast.startRun(2, renditions), chunks);
  t.match(broadcast.multivariant(), /180p/, 'it comes back');
  const back = media(broadcast, '180p');
  t.equal(back.segments[0]?.discontinuitySequence, 2);
  t.equal(back.mediaSequenceBase, 6, 'without what it missed');
  t.equal(media(broadcast, 'source').segments.at(-1)?.discontinuitySequence, 2);
});

t.test('bytes of an old run are ignored after the new run has started', async (t) => {
  const broadcast = new PackagedBroadcast({ keyframeInterval: 2.002 });
  const old = broadcast.startRun(0, renditions);
  await broadcast.writeChunks(old, until(14));
  const taker = broadcast.startRun(1, renditions);
  await broadcast.writeChunks(
    old,
    chunks.filter(({ timeS }) => timeS >= 14 && timeS < 14.5),
  );
  await broadcast.writeChunks(taker, until(13));
  await broadcast.writeChunks(
    old,
    chunks.filter(({ timeS }) => timeS >= 14.5),
  );
  checkOrder(t, broadcast);
  t.same([...new Set(timeline(broadcast, 'source').map(({ run }) => run))], [0, 1]);
});
