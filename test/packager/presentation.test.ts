import { parse, setOptions, type types } from 'hls-parser';
import t from 'tap';
import { PackagedBroadcast } from '../support/gateway/packaged-broadcast.js';
import { makeLadder } from '../support/media/cmaf-ladder.js';

setOptions({ strictMode: true });
const folder = t.testdir({ audio: {}, video: {}, slow: {} });
const media = (broadcast: PackagedBroadcast, id: string) =>
  parse(broadcast.playlist(id)) as types.MediaPlaylist;

t.test('audio without video is cut at each segment duration', async (t) => {
  const ladder = await makeLadder({ folder: `${folder}/audio`, durationS: 9, video: false });
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
    folder: `${folder}/video`,
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
