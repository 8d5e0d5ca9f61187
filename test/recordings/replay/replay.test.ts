import { parse, setOptions, type types } from 'hls-parser';
import t from 'tap';
import type { RecordedSegment, RecordingFile } from '../../../src/recordings/index.js';
import { Replay } from '../../../src/recordings/replay/replay.js';

setOptions({ strictMode: true });
const ID = '01a22866-7910-728f-9fd8-2c3a032180b3';

type Spec = { rendition: string; run: number; msns: number[]; height?: number };

/** Builds the index of a recording: segments of 2 s, 100 kB for each 100 lines. */
function replayOf(...specs: Spec[]): Replay {
  const files: RecordingFile[] = [];
  const segments: RecordedSegment[] = [];
  for (const [number, { rendition, run, msns, height = Number.parseInt(rendition, 10) }] of specs.entries()) {
    const isAudio = rendition === 'audio';
    files.push({
      ...{ number, rendition, run, kind: isAudio ? 'audio' : 'video', initBytes: 700, msnOffset: 0 },
      ...(isAudio
        ? { codec: 'mp4a.40.2', width: null, height: null, frameRate: null, channels: 2 }
        : { codec: 'avc1.64001f', width: (height * 16) / 9, height, frameRate: 30, channels: null }),
    });
    const byteLength = isAudio ? 32_000 : height * 1_000;
    for (const [index, msn] of msns.entries())
      segments.push({
        ...{ fileNumber: number, msn, byteOffset: 700 + index * byteLength, byteLength, fragments: 6 },
        ...{
          durationS: 2,
          decodeTimeS: 10 + msn * 2 + run,
          programDateTimeMs: 1_767_225_600_000 + msn * 2_000,
        },
      });
  }
  return new Replay(ID, files, segments);
}

const media = (replay: Replay, rendition: string): types.MediaPlaylist =>
  parse(replay.mediaPlaylist(rendition)?.toString() ?? '') as types.MediaPlaylist;
const multivariant = (replay: Replay): types.MasterPlaylist =>
  parse(replay.multivariantPlaylist().toString()) as types.MasterPlaylist;
const uris = (playlist: types.MediaPlaylist): string[] => playlist.segments.map(({ uri }) => uri);

t.test('a recording of one run is a VOD playlist of its segments in order', async (t) => {
  const replay = replayOf(
    { rendition: '720p', run: 0, msns: [0, 1, 2] },
    { rendition: 'audio', run: 0, msns: [0, 1, 2] },
  );
  const text = replay.mediaPlaylist('720p')?.toString() ?? '';
  t.match(text, /#EXT-X-PLAYLIST-TYPE:VOD\n/);
  t.match(text, /#EXT-X-ENDLIST\n$/);
  t.notMatch(text, /PART|PRELOAD|RENDITION-REPORT|SERVER-CONTROL/);
  const playlist = media(replay, '720p');
  t.strictSame(uris(playlist), ['s0.m4s', 's1.m4s', 's2.m4s']);
  t.equal(playlist.segments[0]?.map?.uri, 'init-0.mp4');
  const { variants } = multivariant(replay);
  t.match(variants, [
    {
      uri: `../${ID}/720p/index.m3u8`,
      resolution: { width: 1280, height: 720 },
      codecs: 'avc1.64001f,mp4a.40.2',
    },
    { uri: `../${ID}/audio/index.m3u8` },
  ]);
  t.equal(variants[0]?.bandwidth, (720_000 * 8) / 2 + (32_000 * 8) / 2);
  t.strictSame(replay.segment('720p', 1), {
    ...{
      recordingId: ID,
      rendition: '720p',
      run: 0,
      kind: 'video',
      byteOffset: 720_700,
      byteLength: 720_000,
    },
  });
  t.equal(replay.segment('720p', 3), undefined);
  t.strictSame(replay.mediaPlaylist('1080p'), undefined);
  t.match(replay.init('audio', 0), { byteOffset: 0, byteLength: 700 });
});

t.test('a playlist of byte ranges names the places of the same segments in whole files', async (t) => {
  const replay = replayOf(
    { rendition: '720p', run: 0, msns: [0, 1, 2] },
    { rendition: 'audio', run: 0, msns: [0, 1, 2] },
    { rendition: '480p', run: 2, msns: [5, 6] },
    { rendition: 'audio', run: 2, msns: [5, 6] },
  );
  const text = replay.mediaPlaylist('720p', undefined, 'ranges')?.toString() ?? '';
  const { segments } = parse(text) as types.MediaPlaylist;
  t.strictSame(
    segments.map(({ uri, byterange }) => [uri, byterange.length, byterange.offset]),
    [
      ['file-0.mp4', 720_000, 700],
      ['file-0.mp4', 720_000, 720_700],
      ['file-0.mp4', 720_000, 1_440_700],
      ['../480p/file-2.mp4', 480_000, 700],
      ['../480p/file-2.mp4', 480_000, 480_700],
    ],
  );
  t.match(segments[3]?.map, { uri: '../480p/file-2.mp4', byterange: { length: 700, offset: 0 } });
  t.match(replay.wholeFile('480p', 2), { byteOffset: 0, byteLength: 960_700 });
  t.notMatch(replay.mediaPlaylist('720p')?.toString(), /BYTERANGE/, 'both forms are kept apart');
});

t.test('runs are discontinuities, in all renditions at the same segments', async (t) => {
  const replay = replayOf(
    { rendition: '720p', run: 0, msns: [0, 1] },
    { rendition: 'audio', run: 0, msns: [0, 1] },
    { rendition: '720p', run: 2, msns: [40, 41] },
    { rendition: 'audio', run: 2, msns: [40, 41] },
  );
  for (const id of ['720p', 'audio']) {
    const { segments } = media(replay, id);
    t.strictSame(
      segments.map(({ discontinuity = false }) => discontinuity),
      [false, false, true, false],
      id,
    );
    t.equal(segments[2]?.map?.uri, 'init-2.mp4');
    t.same(segments[2]?.programDateTime, new Date(1_767_225_600_000 + 80_000));
  }
});

t.test('a missing segment is a gap of the duration that it has elsewhere', async (t) => {
  const all = [...Array(12).keys()];
  const replay = replayOf(
    { rendition: '720p', run: 0, msns: all },
    { rendition: '360p', run: 0, msns: all.filter((msn) => msn !== 5) },
    { rendition: 'audio', run: 0, msns: all },
  );
  const { segments } = media(replay, '360p');
  t.equal(segments.length, 12);
  t.strictSame(
    segments.filter(({ gap }) => gap).map(({ uri, duration }) => [uri, duration]),
    [['s5.m4s', 2]],
  );
  t.notOk(media(replay, '720p').segments.some(({ gap }) => gap));
});

t.test('in a run that lacks a rendition the nearest one takes its place', async (t) => {
  const replay = replayOf(
    { rendition: '1080p', run: 0, msns: [0, 1] },
    { rendition: '720p', run: 0, msns: [0, 1] },
    { rendition: 'audio', run: 0, msns: [0, 1] },
    { rendition: '480p', run: 1, msns: [2, 3] },
    { rendition: '240p', run: 1, msns: [2, 3] },
    { rendition: 'audio', run: 1, msns: [2, 3] },
  );
  t.strictSame(uris(media(replay, '1080p')), ['s0.m4s', 's1.m4s', '../480p/s2.m4s', '../480p/s3.m4s']);
  t.strictSame(uris(media(replay, '240p')), ['../720p/s0.m4s', '../720p/s1.m4s', 's2.m4s', 's3.m4s']);
  t.equal(media(replay, '1080p').segments[2]?.map?.uri, '../480p/init-1.mp4');
  for (const id of ['1080p', '720p', '480p', '240p', 'audio'])
    t.equal(media(replay, id).segments[2]?.discontinuity, true, id);
});

t.test('a rendition that was hardly recorded is not offered', async (t) => {
  const all = [...Array(40).keys()];
  const replay = replayOf(
    { rendition: '720p', run: 0, msns: all },
    { rendition: '360p', run: 0, msns: [3, 4, 5] },
    { rendition: 'audio', run: 0, msns: all },
  );
  t.strictSame(
    multivariant(replay).variants.map(({ uri }) => uri.split('/')[2]),
    ['720p', 'audio'],
  );
  t.equal(replay.mediaPlaylist('360p'), undefined);
});

t.test('the last segment of a killed run is left out unless video and audio have it', async (t) => {
  const replay = replayOf(
    { rendition: '720p', run: 0, msns: [0, 1, 2] },
    { rendition: 'audio', run: 0, msns: [0, 1] },
    { rendition: 'audio', run: 1, msns: [3] },
  );
  t.strictSame(uris(media(replay, '720p')), ['s0.m4s', 's1.m4s', 's3.m4s']);
  t.equal(media(replay, '720p').segments[2]?.gap, true, 'a run without video is a gap');
  t.strictSame(uris(media(replay, 'audio')), ['s0.m4s', 's1.m4s', 's3.m4s']);
});

t.test('the token of a viewer is in every URI of a private recording', async (t) => {
  const replay = replayOf(
    { rendition: '1080p', run: 0, msns: [0, 1] },
    { rendition: '480p', run: 1, msns: [2] },
    { rendition: 'audio', run: 0, msns: [0, 1] },
  );
  const texts = [
    replay.multivariantPlaylist('token').toString(),
    replay.mediaPlaylist('1080p', 'token')?.toString() ?? '',
  ];
  for (const text of texts) {
    const all = [...text.matchAll(/URI="([^"]+)"|^([^#\n]+)$/gm)].map(([, quoted, plain]) => quoted ?? plain);
    t.ok(all.length > 1 && all.every((uri) => uri?.endsWith('?v=token')), text);
  }
  t.notMatch(replay.mediaPlaylist('1080p')?.toString(), 'token');
});

t.test('a recording of twelve hours is rendered at once', async (t) => {
  const all = [...Array(21_600).keys()];
  const replay = replayOf(
    { rendition: '720p', run: 0, msns: all },
    { rendition: 'audio', run: 0, msns: all },
  );
  const bytes = replay.mediaPlaylist('720p');
  t.ok(bytes && bytes.length < 1e6, `${bytes?.length} bytes`);
  t.equal(replay.mediaPlaylist('720p'), bytes, 'rendered once');
  t.equal(replay.segmentCount, 43_200);
});

t.test('a description has a period for each run, with the renditions of that run', async (t) => {
  const replay = replayOf(
    { rendition: '1080p', run: 0, msns: [0, 1] },
    { rendition: 'audio', run: 0, msns: [0, 1] },
    { rendition: '480p', run: 1, msns: [2, 3] },
    { rendition: '240p', run: 1, msns: [2] },
    { rendition: 'audio', run: 1, msns: [2, 3] },
  );
  const mpd = replay.description().toString();
  const periods = mpd.split('<Period ').slice(1);
  const renditions = periods.map((period) =>
    [...period.matchAll(/<Representation id="(\w+)"/g)].map(([, id]) => id),
  );
  t.strictSame(renditions, [
    ['1080p', 'audio'],
    ['480p', 'audio'],
  ]);
  t.equal(replay.description(), replay.description(), 'rendered once');
  t.match(replay.description(undefined, 'ranges').toString(), 'mediaRange="700-1080699"');
  const own = replay.description('token').toString();
  for (const [, uri] of own.matchAll(/(?:initialization|media|sourceURL)="([^"]+)"/g))
    t.match(uri, /\?v=token$/);
});
