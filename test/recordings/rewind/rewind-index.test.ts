import t from 'tap';
import { renderRewindPlaylist } from '../../../src/packager/index.js';
import { RewindIndex } from '../../../src/recordings/rewind/rewind-index.js';
import type { RewindFile } from '../../../src/recordings/rewind/rewind-table.js';

const ORIGIN_MS = Date.UTC(2026, 0, 1);
const RECORDING = '0198c0de-0000-7000-8000-000000000001';

function fileOf(number: number, rendition: string, run = 0, msnOffset = 0): RewindFile {
  const isAudio = rendition === 'audio';
  return {
    ...{ recordingId: RECORDING, streamId: 'stream', number, rendition, run, msnOffset, initBytes: 700 },
    ...(isAudio
      ? { kind: 'audio', codec: 'mp4a.40.2', width: null, height: null, frameRate: null, channels: 2 }
      : {
          kind: 'video',
          codec: 'avc1.64001f',
          ...{ width: 1280, height: Number.parseInt(rendition, 10), frameRate: 30, channels: null },
        }),
  };
}

/** Segment of 2 s; `atS`: its time. */
const segment = (fileNumber: number, msn: number, atS = msn * 2) => ({
  ...{ recordingId: RECORDING, fileNumber, msn, byteOffset: 700 + msn * 100, byteLength: 100, fragments: 6 },
  ...{ durationS: 2, decodeTimeS: 10 + atS, programDateTimeMs: ORIGIN_MS + atS * 1_000 },
});

const listed = (index: RewindIndex, rendition: string): string[] =>
  (index.segments(rendition) ?? []).map((one) => `${one.rendition}/${one.msn}${one.gap ? ' gap' : ''}`);

function render(index: RewindIndex, delta = false): string {
  const playlist = { segments: index.segments('720p')!, mediaSequence: index.first!.number };
  return renderRewindPlaylist('720p', { ...playlist, longestS: index.longestS, ended: false }, delta, '');
}

t.test('a segment is listed when all renditions have it, or are two segments late', async (t) => {
  const index = new RewindIndex();
  index.setFiles([fileOf(0, '720p'), fileOf(1, 'audio')]);
  index.add([segment(0, 0), segment(1, 0)]);
  index.update(0, false);
  t.strictSame(listed(index, '720p'), [], 'further renditions of a new run may follow');
  index.add([segment(0, 1)]);
  index.update(0, false);
  t.strictSame(listed(index, '720p'), ['720p/0']);
  index.add([segment(1, 1), segment(0, 2)]);
  index.update(0, false);
  t.strictSame(listed(index, '720p'), ['720p/0', '720p/1']);
  index.add([segment(0, 3), segment(0, 4)]);
  index.update(0, false);
  t.strictSame(listed(index, '720p'), ['720p/0', '720p/1', '720p/2']);
  index.add([segment(1, 2), segment(1, 3), segment(1, 4)]);
  index.update(0, false);
  t.strictSame(
    listed(index, 'audio'),
    ['audio/0', 'audio/1', 'audio/2 gap', 'audio/3', 'audio/4'],
    'what is listed stays, also when the segment comes later',
  );
});

t.test('the playlist is an EVENT up to the beginning, and slides after that', async (t) => {
  const index = new RewindIndex();
  index.setFiles([fileOf(0, '720p')]);
  index.add(Array.from({ length: 20 }, (_, msn) => segment(0, msn)));
  index.update(ORIGIN_MS, false);
  t.match(render(index), /#EXT-X-MEDIA-SEQUENCE:0\n[\s\S]*#EXT-X-PLAYLIST-TYPE:EVENT\n/);
  t.match(render(index, true), /#EXT-X-SKIP:SKIPPED-SEGMENTS=13\n#EXT-X-PROGRAM-DATE-TIME[\s\S]*s13\.m4s/);
  t.notMatch(render(index, true), /s12\.m4s/);
  index.update(ORIGIN_MS + 9_000, false);
  t.match(render(index), /#EXT-X-MEDIA-SEQUENCE:4\n/);
  t.notMatch(render(index), /PLAYLIST-TYPE/);
  t.equal(index.positionOf(ORIGIN_MS + 11_500), 3.5);
  t.equal(index.positionOf(0), 0);
  t.equal(index.positionOf(ORIGIN_MS * 2), 32);
  t.strictSame(index.segment('720p', 4), {
    ...{
      recordingId: RECORDING,
      rendition: '720p',
      run: 0,
      kind: 'video',
      byteOffset: 1_100,
      byteLength: 100,
    },
  });
  t.equal(index.segment('720p', 3), undefined);
  index.update(ORIGIN_MS + 9_000_000, false);
  t.strictSame(listed(index, '720p'), ['720p/19'], 'the newest one stays');
});

t.test('numbers go on over a restart that skips media sequence numbers', async (t) => {
  const index = new RewindIndex();
  index.setFiles([fileOf(0, '720p'), fileOf(1, '1080p', 3, 50)]);
  index.add([segment(0, 0), segment(0, 1), segment(1, 52, 10), segment(1, 53, 12)]);
  index.update(0, true);
  t.strictSame(
    listed(index, '720p'),
    ['720p/0', '720p/1', '1080p/52', '1080p/53'],
    'the nearest takes its place',
  );
  t.match(
    render(index),
    /SEQUENCE:0\n#EXT-X-DISCONTINUITY-SEQUENCE:0\n[\s\S]*s1\.m4s\n(#EXT-X-DISCONTINUITY\n){3}#EXT-X-MAP:URI="\.\.\/1080p\/init-3\.mp4"/,
    'as many discontinuities as encoder runs',
  );
  t.match(index.variants(), [{ id: '1080p', height: 1080 }]);
});

t.test('few missing segments are gaps; behind many the window begins anew', async (t) => {
  const index = new RewindIndex();
  index.setFiles([fileOf(0, '720p')]);
  index.add([0, 1, 4, 5].map((msn) => segment(0, msn)));
  index.update(0, false);
  t.strictSame(listed(index, '720p'), ['720p/0', '720p/1', '720p/2 gap', '720p/3 gap', '720p/4', '720p/5']);
  t.strictSame(
    index.segments('720p')!.map(({ durationS }) => durationS),
    [2, 2, 2, 2, 2, 2],
  );
  index.add([20, 21, 22].map((msn) => segment(0, msn)));
  index.update(0, false);
  t.strictSame(listed(index, '720p'), ['720p/20', '720p/21', '720p/22']);
  t.equal(index.first?.number, 20);
});

t.test('an index whose files were deleted is to be read anew', async (t) => {
  const index = new RewindIndex();
  index.setFiles([fileOf(0, '720p'), fileOf(1, '720p', 1)]);
  index.add([segment(0, 0), segment(1, 1)]);
  index.update(0, true);
  t.equal(index.setFiles([fileOf(0, '720p'), fileOf(1, '720p', 1)]), true);
  t.equal(index.setFiles([fileOf(1, '720p', 1)]), false);
});
