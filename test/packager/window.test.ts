import { parse, setOptions, type types } from 'hls-parser';
import t from 'tap';
import { createPackager } from '../../src/packager/index.js';
import { createLog } from '../../src/platform/index.js';
import { FakeClock } from '../support/fakes/fake-clock.js';
import { PackagedBroadcast } from '../support/gateway/packaged-broadcast.js';
import { makeLadder } from '../support/media/cmaf-ladder.js';

setOptions({ strictMode: true });
const folder = t.testdir({ both: {}, sound: {}, picture: {}, slow: {} });
const { renditions, chunks } = await makeLadder({
  folder: `${folder}/both`,
  durationS: 16,
  frameRate: '25',
  gop: 50,
});
const media = (broadcast: PackagedBroadcast, id: string) =>
  parse(broadcast.playlist(id)) as types.MediaPlaylist;
const feed = (broadcast: PackagedBroadcast, id: string) =>
  broadcast.packager.findPresentation('stream-1')!.rendition(id)!;

t.test('segments just outside the listed window can still be fetched', async (t) => {
  const broadcast = new PackagedBroadcast({ windowDurationS: 4, keyframeInterval: 2 });
  let longest = 0;
  await broadcast.writeChunks(broadcast.startRun(0, renditions), chunks, () => {
    if (!broadcast.multivariant()) return;
    longest = Math.max(longest, broadcast.playlist('source').match(/^s\d/gm)?.length ?? 0);
  });
  t.ok(longest <= 3, `${longest} segments are listed at most`);
  const { mediaSequenceBase = 0 } = media(broadcast, 'source');
  t.ok(mediaSequenceBase >= 4);
  t.ok(feed(broadcast, 'source').segment(mediaSequenceBase - 2));
  t.equal(feed(broadcast, 'source').segment(0), undefined);
});

t.test('media above the byte limit are dropped, the oldest of all renditions first', async (t) => {
  const windowBytes = 600_000;
  const broadcast = new PackagedBroadcast({ windowBytes, keyframeInterval: 2 });
  let most = 0;
  const size = (): number =>
    renditions
      .map(({ id }) => {
        const track = broadcast.packager.findPresentation('stream-1')?.rendition(id);
        let bytes = 0;
        for (let msn = 0; msn < 9; msn++) {
          for (let part = 0; ; part++) {
            const data = track?.part(msn, part);
            if (!Buffer.isBuffer(data)) {
              if (typeof data === 'object') data.cancel();
              break;
            }
            bytes += data.length;
          }
        }
        return bytes;
      })
      .reduce((sum, bytes) => sum + bytes);
  let count = 0;
  await broadcast.writeChunks(broadcast.startRun(0, renditions), chunks, () => {
    if (count++ % 50 === 0) most = Math.max(most, size());
  });
  t.ok(most > windowBytes / 2 && most <= windowBytes, `${most} bytes`);
  const bases = renditions.map(({ id }) => media(broadcast, id).mediaSequenceBase ?? 0);
  t.ok(Math.min(...bases) > 0);
  t.ok(Math.max(...bases) - Math.min(...bases) <= 1, 'all renditions lose alike');
});

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

t.test('audio without video is cut at each segment duration', async (t) => {
  const ladder = await makeLadder({ folder: `${folder}/sound`, durationS: 9, video: false });
  const broadcast = new PackagedBroadcast();
  await broadcast.writeChunks(broadcast.startRun(0, ladder.renditions), ladder.chunks);
  t.equal(broadcast.playableCalls, 1);
  const { segments, targetDuration } = media(broadcast, 'audio');
  t.equal(targetDuration, 2);
  const complete = segments.filter(({ uri }) => uri);
  t.ok(complete.length >= 4);
  for (const { duration, parts } of complete) {
    t.ok(Math.abs(duration - 2) < 0.025, `${duration}`);
    if (parts.length > 0) t.equal(parts.length, 6);
  }
  const playlist = parse(broadcast.multivariant()!) as types.MasterPlaylist;
  t.same(
    playlist.variants.map(({ codecs, audio }) => [codecs, audio.length]),
    [['mp4a.40.2', 0]],
  );
});

t.test('playlists of video without audio name no audio', async (t) => {
  const ladder = await makeLadder({
    folder: `${folder}/picture`,
    durationS: 5,
    audio: false,
    frameRate: '25',
    gop: 25,
  });
  const broadcast = new PackagedBroadcast({ keyframeInterval: 1 });
  await broadcast.writeChunks(broadcast.startRun(0, ladder.renditions), ladder.chunks);
  t.equal(broadcast.playableCalls, 1);
  const playlist = parse(broadcast.multivariant()!) as types.MasterPlaylist;
  t.same(
    playlist.variants.map(({ codecs, audio }) => [codecs?.split('.')[0], audio.length]),
    [
      ['avc1', 0],
      ['avc1', 0],
    ],
  );
  const [first] = media(broadcast, 'source').segments;
  t.equal(first?.duration, 2, 'a keyframe each second makes segments of two');
});

t.test(
  'ten frames a second get parts of whole frames, keyframes four seconds apart longer segments',
  async (t) => {
    const ladder = await makeLadder({
      ...{ folder: `${folder}/slow`, durationS: 13, frameRate: '10', gop: 40 },
    });
    const broadcast = new PackagedBroadcast({ keyframeInterval: 4 });
    const targets = new Set<string>();
    await broadcast.writeChunks(broadcast.startRun(0, ladder.renditions), ladder.chunks, () => {
      if (broadcast.multivariant()) targets.add(/TARGETDURATION:\d/.exec(broadcast.playlist('source'))![0]);
    });
    t.same([...targets], ['TARGETDURATION:4'], 'known before the first segment is complete');
    const { segments, partTargetDuration = 0 } = media(broadcast, 'source');
    t.equal(segments[0]?.duration, 4);
    const parts = segments
      .flatMap((segment) => segment.parts.slice(0, segment.uri ? -1 : undefined))
      .filter(({ hint }) => !hint);
    t.ok(parts.length > 10);
    for (const { duration = 0 } of parts) t.ok(duration >= 0.85 * partTargetDuration, `${duration}`);
    const count = (id: string) => media(broadcast, id).segments.map((segment) => segment.parts.length);
    t.same(count('audio').slice(0, 2), count('source').slice(0, 2));
  },
);
