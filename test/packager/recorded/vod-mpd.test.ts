import t from 'tap';
import { type DashPeriod, type DashRepresentation, renderVodMpd } from '../../../src/packager/index.js';
import { checkMpd } from '../../support/dash/mpd-schema.js';

const ORIGIN_MS = Date.UTC(2026, 0, 1);

/** Builds a rendition of segments of 2 s; segment `msn` begins at `10 + 2 * msn` s of the media time. */
function rendition(id: string, msns: number[], lastS = 2): DashRepresentation {
  const common = { id, bandwidth: 1_000_000, averageBandwidth: 900_000 };
  return {
    initBytes: 700,
    variant:
      id === 'audio'
        ? { ...common, kind: 'audio', codec: 'mp4a.40.2', channels: 2 }
        : {
            ...common,
            kind: 'video',
            codec: 'avc1.64001f',
            width: 1280,
            height: 720,
            frameRate: 30_000 / 1_001,
          },
    segments: msns.map((msn, index) => ({
      ...{ msn, byteOffset: 700 + index * 1_000, byteLength: 1_000 },
      durationS: index === msns.length - 1 ? lastS : 2,
      programDateTimeMs: ORIGIN_MS + 10_000 + msn * 2_000,
    })),
  };
}

function render(periods: DashPeriod[], suffix = '', form?: 'segments' | 'ranges'): string {
  const mpd = renderVodMpd({ periods, originMs: ORIGIN_MS }, suffix, form);
  checkMpd(mpd);
  return mpd;
}

t.test('a description of one run names the segments by number', async (t) => {
  const mpd = render([
    { run: 3, representations: [rendition('720p', [4, 5, 6]), rendition('audio', [4, 5, 6])] },
  ]);
  t.match(
    mpd,
    'type="static" mediaPresentationDuration="PT6S" minBufferTime="PT2S" maxSegmentDuration="PT2S"',
  );
  t.match(mpd, '<Period id="3" start="PT0S" duration="PT6S">');
  t.match(mpd, 'codecs="avc1.64001f" bandwidth="1000000" width="1280" height="720" frameRate="30000/1001"');
  for (const id of ['720p', 'audio'])
    t.match(
      mpd,
      `<SegmentTemplate timescale="1000" presentationTimeOffset="18000" startNumber="4" initialization="${id}/init-3.mp4" media="${id}/s$Number$.m4s">\n<SegmentTimeline>\n<S t="18000" d="2000" r="2"/>\n</SegmentTimeline>`,
    );
  t.notMatch(mpd, /SegmentList|availability|minimumUpdatePeriod/);
});

t.test('runs are periods one behind the other, without the time between them', async (t) => {
  const mpd = render([
    { run: 0, representations: [rendition('720p', [0, 1], 1.5), rendition('audio', [0, 1], 1.45)] },
    { run: 2, representations: [rendition('480p', [40, 41]), rendition('audio', [40, 41])] },
  ]);
  t.match(mpd, '<Period id="0" start="PT0S" duration="PT3.5S">');
  t.match(mpd, '<Period id="2" start="PT3.5S" duration="PT4S">');
  t.match(mpd, 'mediaPresentationDuration="PT7.5S"');
  t.match(mpd, 'presentationTimeOffset="90000" startNumber="40"');
  t.equal(
    mpd.match(/<S t="10000" d="2000"\/>\n<S d="1500"\/>/g)?.length,
    2,
    'tracks last to the end of their period',
  );
});

t.test(
  'a rendition with a missing segment lists its segments one by one, without a hole in time',
  async (t) => {
    const mpd = render([
      { run: 0, representations: [rendition('720p', [0, 1, 2, 3]), rendition('360p', [1, 3])] },
    ]);
    const [, list = ''] = mpd.split('<Representation id="360p"');
    t.match(list, '<SegmentList timescale="1000" presentationTimeOffset="10000">');
    t.match(list, '<Initialization sourceURL="360p/init-0.mp4"/>');
    t.match(list, '<S t="10000" d="6000"/>\n<S d="2000"/>');
    t.match(list, '<SegmentURL media="360p/s1.m4s"/>\n<SegmentURL media="360p/s3.m4s"/>');
  },
);

t.test('a description of byte ranges names the places of segments in whole files', async (t) => {
  const mpd = render([{ run: 1, representations: [rendition('720p', [0, 1])] }], '', 'ranges');
  t.match(mpd, '<Initialization sourceURL="720p/file-1.mp4" range="0-699"/>');
  t.match(mpd, '<SegmentURL media="720p/file-1.mp4" mediaRange="700-1699"/>');
  t.match(mpd, '<SegmentURL media="720p/file-1.mp4" mediaRange="1700-2699"/>');
});

t.test('a suffix is in every URI of media', async (t) => {
  for (const msns of [
    [0, 1],
    [0, 2],
  ]) {
    const mpd = render([{ run: 0, representations: [rendition('720p', msns)] }], '?v=token');
    const uris = [...mpd.matchAll(/(?:initialization|media|sourceURL)="([^"]+)"/g)].map(([, uri]) => uri);
    t.ok(uris.length >= 2 && uris.every((uri) => uri?.endsWith('?v=token')), mpd);
  }
});

t.test('a description of twelve hours stays small', async (t) => {
  const all = [...Array(21_600).keys()];
  const mpd = render([{ run: 0, representations: [rendition('720p', all), rendition('audio', all)] }]);
  t.ok(mpd.length < 10_000, `${mpd.length} bytes`);
});
