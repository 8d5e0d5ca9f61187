import t from 'tap';
import type { MpdUris } from '../../src/packager/index.js';
import { checkMpd } from '../support/dash/mpd-schema.js';
import { PackagedBroadcast } from '../support/gateway/packaged-broadcast.js';
import { makeLadder } from '../support/media/cmaf-ladder.js';

/** Keyframes every second, every other one the start of a segment; media begin at 10 s. */
const ladder = await makeLadder({ folder: t.testdir(), durationS: 12, frameRate: '25', gop: 25 });
const { chunks, renditions } = ladder;

const URIS: MpdUris = {
  media: '../../hls/stream-1/',
  mediaSuffix: '',
  location: 'index.mpd?v=token',
  time: '../time',
};

type Period = { id: string; startS: number; representations: Representation[] };
type Representation = {
  id: string;
  media: string;
  initialization: string;
  startNumber: number;
  offset: number;
  /** Start and duration of each segment, ms. */
  segments: { t: number; d: number }[];
};

const attribute = (text: string, name: string): string => {
  const value = new RegExp(`\\b${name}="([^"]*)"`).exec(text)?.[1];
  if (value === undefined) throw new Error(`no ${name} in ${text}`);
  return value;
};

const elements = (text: string, name: string): string[] =>
  text
    .split(`<${name} `)
    .slice(1)
    .map((part) => part.split(`</${name}>`)[0] ?? '');

function periodsOf(mpd: string): Period[] {
  return elements(mpd, 'Period').map((period) => ({
    id: attribute(period, 'id'),
    startS: Number(attribute(period, 'start').slice(2, -1)),
    representations: elements(period, 'Representation').map((text) => ({
      id: attribute(text, 'id'),
      media: attribute(text, 'media'),
      initialization: attribute(text, 'initialization'),
      startNumber: Number(attribute(text, 'startNumber')),
      offset: Number(attribute(text, 'presentationTimeOffset')),
      segments: text
        .split('<S ')
        .slice(1)
        .map((s) => ({ t: Number(attribute(s, 't')), d: Number(attribute(s, 'd')) })),
    })),
  }));
}

function mpdOf(broadcast: PackagedBroadcast, uris = URIS): string {
  const mpd = broadcast.packager.findPresentation(broadcast.streamId)?.mpd(uris);
  if (mpd === undefined) throw new Error('there is no description');
  checkMpd(mpd);
  return mpd;
}

t.test('a description lists the segments of every rendition, also the open one', async (t) => {
  const broadcast = new PackagedBroadcast({ keyframeInterval: 1 });
  t.equal(broadcast.packager.findPresentation(broadcast.streamId)?.mpd(URIS), undefined, 'before the media');
  const reader = broadcast.startRun(0, renditions);
  await broadcast.writeChunks(
    reader,
    chunks.filter(({ timeS }) => timeS < 17),
  );
  const mpd = mpdOf(broadcast);
  t.match(mpd, 'type="dynamic"');
  t.equal(Date.parse(attribute(mpd, 'availabilityStartTime')), broadcast.startedAt - 10_000);
  t.match(mpd, '<Location>index.mpd?v=token</Location>');
  t.match(mpd, 'value="../time"');
  const [period, ...others] = periodsOf(mpd);
  t.equal(others.length, 0);
  t.equal(period?.id, '0');
  t.strictSame(
    period?.representations.map(({ id }) => id),
    renditions.map(({ id }) => id),
  );
  for (const { id, media, initialization, startNumber, offset, segments } of period?.representations ?? []) {
    const playlist = broadcast.playlist(id);
    t.equal(media, `../../hls/stream-1/broadcast-1/${id}/s$Number$.m4s`);
    t.equal(initialization, `../../hls/stream-1/broadcast-1/${id}/init-0.mp4`);
    t.equal(startNumber, Number(/MEDIA-SEQUENCE:(\d+)/.exec(playlist)?.[1]));
    t.equal(offset, Math.round((period?.startS ?? 0) * 1000));
    const dates = [...playlist.matchAll(/DATE-TIME:(.*)/g)].map(([, date]) => Date.parse(date ?? ''));
    t.strictSame(
      segments.map((segment) => segment.t),
      dates.map((date) => date - broadcast.startedAt + 10_000),
      'at the times of the playlist',
    );
    for (const [index, { t: at, d }] of segments.entries()) {
      const next = segments[index + 1];
      if (next) t.equal(at + d, next.t, 'without a gap');
      t.ok(Math.abs(d - 2_000) < 50, `${id}: segments of 2 s, also the open one: ${d} ms`);
    }
    t.ok(segments.length > (playlist.match(/#EXTINF/g)?.length ?? 0), 'the open segment is listed');
  }
  reader.close();
});

t.test('an encoder run is a period, whose start never changes', async (t) => {
  const broadcast = new PackagedBroadcast({ keyframeInterval: 1, windowDurationS: 4 });
  const starts = new Map<string, number>();
  for (const run of [0, 1]) {
    const reader = broadcast.startRun(run, renditions);
    await broadcast.writeChunks(reader, chunks, () => {
      for (const { id, startS, representations } of broadcast.playableCalls > 0
        ? periodsOf(mpdOf(broadcast))
        : []) {
        t.equal(startS, starts.get(id) ?? startS);
        starts.set(id, startS);
        const [first] = representations.flatMap(({ segments }) => segments[0]?.t ?? []).sort((a, b) => a - b);
        t.ok((first ?? 0) >= startS * 1000 - 50, 'no media before it');
      }
    });
    reader.close();
  }
  t.strictSame([...starts.keys()], ['0', '1']);
  t.ok((starts.get('1') ?? 0) > (starts.get('0') ?? 0) + 11);
});

t.test('the last segment of a period lasts until the next period', async (t) => {
  const broadcast = new PackagedBroadcast({ keyframeInterval: 1 });
  for (const run of [0, 1]) {
    const reader = broadcast.startRun(run, renditions);
    await broadcast.writeChunks(reader, chunks);
    reader.close();
    await broadcast.clock.advance(5_000);
  }
  const [first, second] = periodsOf(mpdOf(broadcast));
  for (const { id, segments } of first?.representations ?? []) {
    const last = segments.at(-1)!;
    t.ok(last.d > 3_000, `${id}: the publisher was away`);
    t.equal(last.t + last.d, Math.round((second?.startS ?? 0) * 1000));
  }
});

t.test('a description of an ended broadcast is static', async (t) => {
  const broadcast = new PackagedBroadcast({ keyframeInterval: 1 });
  const reader = broadcast.startRun(0, renditions);
  await broadcast.writeChunks(reader, chunks);
  reader.close();
  await broadcast.endBroadcast('ended-by-owner');
  const mpd = mpdOf(broadcast);
  t.match(mpd, 'type="static"');
  for (const name of ['minimumUpdatePeriod', 'availabilityStartTime', 'Location', 'UTCTiming'])
    t.notMatch(mpd, name);
  const endS = Number(attribute(mpd, 'mediaPresentationDuration').slice(2, -1));
  t.ok(Math.abs(endS - 22) < 0.1, `${endS} s`);
});

t.test('a description of a private livestream carries the token in the URIs of media', async (t) => {
  const broadcast = new PackagedBroadcast({ keyframeInterval: 1 });
  const reader = broadcast.startRun(0, renditions);
  await broadcast.writeChunks(reader, chunks);
  for (const { media, initialization } of periodsOf(mpdOf(broadcast, { ...URIS, mediaSuffix: '?v=token' }))[0]
    ?.representations ?? []) {
    t.match(media, /\.m4s\?v=token$/);
    t.match(initialization, /\.mp4\?v=token$/);
  }
  reader.close();
});
