import { parse, setOptions, type types } from 'hls-parser';
import t from 'tap';
import { createPackager } from '../../src/packager/index.js';
import { createLog } from '../../src/platform/index.js';
import { FakeClock } from '../support/fakes/fake-clock.js';
import { PackagedBroadcast } from '../support/gateway/packaged-broadcast.js';
import { makeLadder } from '../support/media/cmaf-ladder.js';

setOptions({ strictMode: true });
const { renditions, chunks } = await makeLadder({
  folder: t.testdir(),
  durationS: 16,
  frameRate: '25',
  gop: 50,
});
const media = (broadcast: PackagedBroadcast, id: string) =>
  parse(broadcast.playlist(id)) as types.MediaPlaylist;
const feed = (broadcast: PackagedBroadcast, id: string) =>
  broadcast.packager.findPresentation('stream-1')!.rendition(id)!;

t.test('an ended broadcast is complete and is removed after its retention', async (t) => {
  const broadcast = new PackagedBroadcast({ keyframeInterval: 2, retentionMs: 30_000 });
  await broadcast.writeChunks(broadcast.startRun(0, renditions), chunks);
  const waiting = feed(broadcast, 'source').reload(8, 5);
  await broadcast.endBroadcast('ended-by-owner');
  if (typeof waiting === 'object') t.equal(await waiting.outcome, 'ready');
  for (const { id } of renditions) {
    const playlist = media(broadcast, id);
    t.equal(playlist.endlist, true);
    t.ok(playlist.segments.every(({ uri }) => uri));
    t.notMatch(broadcast.playlist(id), /PRELOAD-HINT|RENDITION-REPORT/);
  }
  t.equal(feed(broadcast, 'source').reload(99, 0), 'ready', 'nobody waits for what never comes');
  await broadcast.clock.advance(29_000);
  t.ok(broadcast.multivariant());
  await broadcast.clock.advance(1_000);
  t.equal(broadcast.packager.findPresentation('stream-1'), undefined);
  t.equal(broadcast.clock.pending, 0, 'no timer is left');
});

t.test('a broadcast to be resumed keeps open playlists and ends blocked requests', async (t) => {
  const broadcast = new PackagedBroadcast({ keyframeInterval: 2 });
  await broadcast.writeChunks(broadcast.startRun(0, renditions), chunks);
  const source = feed(broadcast, 'source');
  const waiting = source.reload(8, 5);
  if (typeof waiting !== 'object') throw new Error('it must wait');
  await broadcast.endBroadcast('shutdown');
  t.equal(await waiting.outcome, 'closed');
  t.notMatch(broadcast.playlist('source'), /ENDLIST/);
  broadcast.packager.close();
  broadcast.packager.close();
  t.equal(broadcast.packager.findPresentation('stream-1'), undefined);
  t.equal(broadcast.clock.pending, 0);
});

t.test('the new broadcast of a stream replaces the old one, which remains available by its id', async (t) => {
  const clock = new FakeClock();
  const packager = createPackager({ clock, log: createLog('silent') });
  const old = new PackagedBroadcast({ clock, keyframeInterval: 2 }, 'old', packager);
  await old.writeChunks(old.startRun(0, renditions), chunks);
  await old.endBroadcast('grace-expired');
  const next = new PackagedBroadcast({ clock, keyframeInterval: 2 }, 'next', packager);
  t.equal(packager.findPresentation('stream-1')?.broadcastId, 'next');
  t.equal(next.multivariant(), undefined, 'it cannot be played yet');
  t.match(old.playlist('source'), /ENDLIST/);
  await next.endBroadcast('never-started');
  t.equal(
    packager.findPresentation('stream-1')?.broadcastId,
    'old',
    'a broadcast that never began leaves nothing',
  );
});

t.test('a listener gets each listed segment once, with the bytes that viewers get', async (t) => {
  const broadcast = new PackagedBroadcast({ keyframeInterval: 2, windowDurationS: 60 });
  const received = new Map<string, Buffer>();
  const inits = new Map<string, Buffer>();
  broadcast.packager.onSegment(({ broadcastId }, segment) => {
    t.equal(broadcastId, broadcast.id);
    const name = `${segment.renditionId} ${segment.msn}`;
    t.notOk(received.has(name), `${name} comes once`);
    const bytes = Buffer.concat(segment.parts);
    t.equal(bytes.length, segment.sizeBytes);
    received.set(name, bytes);
    inits.set(segment.renditionId, segment.init.data);
  });
  await broadcast.writeChunks(broadcast.startRun(0, renditions), chunks);
  await broadcast.endBroadcast('ended-by-owner');
  let listed = 0;
  for (const { id } of renditions) {
    const { segments } = media(broadcast, id);
    for (const { mediaSequenceNumber: msn } of segments) {
      listed++;
      t.ok(received.get(`${id} ${msn}`)?.equals(feed(broadcast, id).segment(msn)!), `${id} ${msn}`);
    }
    t.ok(inits.get(id)?.equals(feed(broadcast, id).init(0)!));
  }
  t.ok(listed > 15 && received.size === listed, `${received.size} of ${listed} segments`);
});

t.test(
  'media from before the end of a private test are at no address, and their segment is left out',
  async (t) => {
    const broadcast = new PackagedBroadcast({ keyframeInterval: 2, windowDurationS: 60 });
    const { packager, clock } = broadcast;
    const completed: number[] = [];
    packager.onSegment((_, { programDateTimeMs }) => completed.push(programDateTimeMs));
    const run = broadcast.startRun(0, renditions);
    const middle = chunks.findIndex(({ timeS }) => timeS >= 17.1);
    await broadcast.writeChunks(run, chunks.slice(0, middle));
    const tested = media(broadcast, 'source');
    const newest = (tested.mediaSequenceBase ?? 0) + tested.segments.length;
    t.ok(completed.length > 0);
    completed.length = 0;
    const endMs = clock.now();
    packager.testEnding('stream-1');
    const source = feed(broadcast, 'source');
    for (let msn = 0; msn <= newest; msn++) {
      t.equal(source.segment(msn), undefined, `segment ${msn}`);
      t.equal(source.part(msn, 0), 'gone', `part ${msn}.0`);
    }
    t.ok(broadcast.multivariant(), 'it is still listed');
    const waiting = source.ready();
    const description = packager.findPresentation('stream-1')?.ready();
    t.equal(source.playlist(false), undefined);
    await broadcast.writeChunks(run, chunks.slice(middle));
    for (const wait of [waiting, description])
      if (typeof wait === 'object')
        t.equal(await wait.outcome, 'ready', 'requests wait for the next segment');
    for (const { id } of renditions) {
      const { segments, mediaSequenceBase = 0 } = media(broadcast, id);
      t.ok(segments.length > 2 && mediaSequenceBase > 0, id);
      t.equal(
        mediaSequenceBase,
        media(broadcast, 'source').mediaSequenceBase,
        'all begin with the same segment',
      );
      for (const { programDateTime } of segments) t.ok((programDateTime?.getTime() ?? endMs) >= endMs);
    }
    t.ok(completed.length > 0 && completed.every((ms) => ms >= endMs), 'nor is it recorded');
  },
);

t.test('the ended broadcast of a private test is gone with it', async (t) => {
  const broadcast = new PackagedBroadcast({ keyframeInterval: 2 });
  await broadcast.writeChunks(broadcast.startRun(0, renditions), chunks);
  await broadcast.endBroadcast('ended-by-owner');
  broadcast.packager.testEnding('stream-1');
  t.equal(broadcast.packager.findPresentation('stream-1'), undefined);
});
