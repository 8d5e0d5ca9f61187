import { parse, setOptions, type types } from 'hls-parser';
import t, { type Test } from 'tap';
import { CopiedTracks } from '../../src/transcode/hls/copied-tracks.js';
import { PackagedBroadcast } from '../support/gateway/packaged-broadcast.js';
import { type LadderChunk, makeLadder } from '../support/media/cmaf-ladder.js';
import { readFlv } from '../support/media/flv-media.js';
import { readPart } from '../support/media/published-media.js';

setOptions({ strictMode: true });
/** Keyframes every 1.001 s: a segment has two. */
const { renditions, chunks, sourceFile } = await makeLadder({ folder: t.testdir(), durationS: 9, gop: 30 });
const IDS = renditions.map(({ id }) => id);
const ENCODED = '180p';
const OPTIONS = { keyframeInterval: 1.001 };
const [encoderInit] = chunks.filter(({ rendition }) => rendition === ENCODED);
/** Start of the media, and its keyframe interval, s. */
const BEGIN = 10;
const KEYFRAME = 1.001;

const playlist = (broadcast: PackagedBroadcast, id: string) =>
  parse(broadcast.playlist(id)) as types.MediaPlaylist;
const segments = (broadcast: PackagedBroadcast, id: string) =>
  playlist(broadcast, id).segments.filter(({ uri }) => uri);

/** Packages all media, but kills the encoder of one rendition at a time and starts another that begins later, s. */
async function replaceEncoder(diesAt: number, nextFrom: number): Promise<PackagedBroadcast> {
  const broadcast = new PackagedBroadcast(OPTIONS);
  const reader = broadcast.startRun(0, renditions);
  let died = false;
  for (const chunk of chunks) {
    const { rendition, timeS } = chunk;
    if (timeS >= diesAt && !died) {
      died = true;
      // The last box of a killed encoder is cut short.
      const next = chunks.find((other) => other.rendition === ENCODED && other.timeS >= diesAt)!;
      reader.write(ENCODED, next.bytes.subarray(0, 50));
      reader.encoderEnded(ENCODED);
      reader.write(ENCODED, encoderInit!.bytes);
    }
    if (rendition === ENCODED && timeS >= diesAt && timeS < nextFrom) continue;
    await broadcast.writeChunks(reader, [chunk]);
  }
  reader.close();
  return broadcast;
}

/** Presentation times of all samples of a rendition in decode order, s. */
function sampleTimes(broadcast: PackagedBroadcast, id: string): number[] {
  const feed = broadcast.packager.findPresentation('stream-1')!.rendition(id)!;
  const init = feed.init(0)!;
  return segments(broadcast, id)
    .filter(({ uri, duration }) => uri && duration > 0)
    .flatMap(({ mediaSequenceNumber }) => {
      const bytes = feed.segment(mediaSequenceNumber);
      return Buffer.isBuffer(bytes) ? readPart(init, bytes).samples : [];
    })
    .map(({ decodeTime, compositionOffset }) => (decodeTime + compositionOffset) / 90_000);
}

/** Requires that the source rendition is whole: as many samples as the encoder sent. */
function sourceIsWhole(t: Test, broadcast: PackagedBroadcast): void {
  const times = sampleTimes(broadcast, 'source').sort((a, b) => a - b);
  const gaps = times.slice(1).map((time, index) => time - times[index]!);
  t.ok(Math.max(...gaps) < 0.04, 'the source has no gap');
  t.notMatch(broadcast.playlist('source'), 'EXT-X-GAP');
}

t.test('the next encoder of a rendition continues its segment', async (t) => {
  const from = BEGIN + 3 * KEYFRAME - 0.01;
  const broadcast = await replaceEncoder(from - 0.3, from);
  sourceIsWhole(t, broadcast);
  for (const id of IDS) t.notMatch(broadcast.playlist(id), '#EXT-X-DISCONTINUITY\n', `${id} goes on`);
  t.strictSame(
    segments(broadcast, ENCODED).map(({ mediaSequenceNumber }) => mediaSequenceNumber),
    segments(broadcast, 'source').map(({ mediaSequenceNumber }) => mediaSequenceNumber),
  );
  t.notMatch(broadcast.playlist(ENCODED), 'EXT-X-GAP');
  const times = sampleTimes(broadcast, ENCODED);
  const holes = times.slice(1).flatMap((time, index) => {
    const step = time - times[index]!;
    return step > 0.04 ? [step] : [];
  });
  t.equal(holes.length, 1);
  t.ok((holes[0] ?? 1) < 0.45, `only what was lost is missing: ${holes[0]} s`);
  for (const [index, { programDateTime }] of segments(broadcast, ENCODED).entries()) {
    const other = segments(broadcast, 'source')[index]?.programDateTime;
    t.ok(Math.abs(Number(programDateTime) - Number(other)) < 70, `segment ${index} begins with the source's`);
  }
});

t.test('segments that an encoder missed become gaps', async (t) => {
  const broadcast = await replaceEncoder(BEGIN + 2.2, BEGIN + 6 * KEYFRAME - 0.01);
  sourceIsWhole(t, broadcast);
  const missed = segments(broadcast, ENCODED).filter(({ uri }) => uri);
  t.strictSame(
    missed.map(({ mediaSequenceNumber }) => mediaSequenceNumber),
    segments(broadcast, 'source').map(({ mediaSequenceNumber }) => mediaSequenceNumber),
    'the numbers remain those of the source',
  );
  t.match(broadcast.playlist(ENCODED), '#EXT-X-GAP');
});

t.test(
  'the first keyframe of an encoder that joins makes no cut, as copied video has none there',
  async (t) => {
    const folder = t.testdir({ source: {}, next: {} });
    const options = { durationS: 9, frameRate: '25' };
    const made = await makeLadder({ ...options, folder: `${folder}/source`, gop: 50 });
    // Keyframes at 11.68 s and 13.28 s; those of the source at 10.08 s, 12.08 s and so on.
    const next = await makeLadder({ ...options, folder: `${folder}/next`, gop: 40 });
    const broadcast = new PackagedBroadcast({ keyframeInterval: 2 });
    const reader = broadcast.startRun(0, made.renditions);
    const others = made.chunks.filter(({ rendition, timeS }) => rendition !== ENCODED || timeS < 11);
    const joining = next.chunks.filter(({ rendition, timeS }) => rendition === ENCODED && timeS > 11.67);
    await broadcast.writeChunks(
      reader,
      others.filter(({ timeS }) => timeS < 11.9),
    );
    reader.encoderEnded(ENCODED);
    reader.write(ENCODED, next.chunks.find(({ rendition }) => rendition === ENCODED)!.bytes);
    for (const { timeS, bytes } of joining) if (timeS < 11.9) reader.write(ENCODED, bytes);
    await broadcast.writeChunks(
      reader,
      others.filter(({ timeS }) => timeS >= 11.9),
    );
    for (const id of ['source', 'audio']) {
      const durations = [...broadcast.playlist(id).matchAll(/#EXTINF:([\d.]+)/g)].map((match) =>
        Number(match[1]),
      );
      t.ok(durations.length >= 3);
      for (const duration of durations) t.ok(Math.abs(duration - 2) < 0.03, `${id}: ${duration} s`);
    }
    reader.close();
  },
);

t.test('an encoder that makes another format than the one before is refused', async (t) => {
  const broadcast = new PackagedBroadcast(OPTIONS);
  const reader = broadcast.startRun(0, renditions);
  await broadcast.writeChunks(
    reader,
    chunks.filter(({ timeS }) => timeS < 13),
  );
  reader.encoderEnded(ENCODED);
  const [other] = chunks.filter(({ rendition }) => rendition === 'source');
  t.throws(() => reader.write(ENCODED, other!.bytes), { code: 'rendition_changed' });
});

t.test('a rendition that ends leaves the multivariant playlist while the run goes on', async (t) => {
  const broadcast = new PackagedBroadcast(OPTIONS);
  const reader = broadcast.startRun(0, renditions);
  const before = chunks.filter(({ timeS }) => timeS < BEGIN + 4.5);
  await broadcast.writeChunks(reader, before);
  t.match(broadcast.multivariant(), `/${ENCODED}/`);
  reader.renditionEnded(ENCODED);
  t.notMatch(broadcast.multivariant(), `/${ENCODED}/`);
  const rest = chunks.slice(before.length).filter(({ rendition }) => rendition !== ENCODED);
  await broadcast.writeChunks(reader, rest);
  reader.close();
  sourceIsWhole(t, broadcast);
  t.throws(() => broadcast.playlist(ENCODED), /has no playlist/);
});

/** Packages the source's tags without an encoder. */
async function packageCopied(): Promise<PackagedBroadcast> {
  const broadcast = new PackagedBroadcast(OPTIONS);
  const copied = renditions.filter(({ id }) => id !== ENCODED);
  const reader = broadcast.startRun(0, copied);
  const { tags } = readFlv(sourceFile);
  const header = (kind: 'audio' | 'video') => tags.find((tag) => tag.kind === kind && tag.header)!;
  const tracks = new CopiedTracks(reader, {
    ...{ video: { id: 'source', header: header('video') }, audio: { id: 'audio', header: header('audio') } },
    offset: BEGIN * 1000,
  });
  let timeMs = 0;
  for (const tag of tags) {
    await broadcast.clock.advance(Math.max(0, tag.timestamp - timeMs));
    timeMs = Math.max(timeMs, tag.timestamp);
    tracks.write(tag);
  }
  tracks.end();
  reader.close();
  return broadcast;
}

t.test('copied video is packaged as ffmpeg would have copied it', async (t) => {
  const copied = await packageCopied();
  const byFfmpeg = new PackagedBroadcast(OPTIONS);
  const video = renditions.filter(({ id }) => id === 'source');
  const reader = byFfmpeg.startRun(0, video);
  const own: LadderChunk[] = chunks.filter(({ rendition }) => rendition === 'source');
  await byFfmpeg.writeChunks(reader, own);
  reader.close();
  const media = (broadcast: PackagedBroadcast) =>
    segments(broadcast, 'source').map(({ mediaSequenceNumber, duration, parts }) => ({
      ...{ mediaSequenceNumber, duration: Math.round(duration * 1000) },
      parts: parts.map((part) => [Math.round((part.duration ?? 0) * 1000), part.independent ?? false]),
    }));
  // The duration of the very last frame is a guess.
  t.strictSame(media(copied).slice(0, -1), media(byFfmpeg).slice(0, -1));
  t.ok(media(copied).length >= 4);
  t.strictSame(sampleTimes(copied, 'source'), sampleTimes(byFfmpeg, 'source'));
});

t.test('copied audio has the segments of copied video', async (t) => {
  const broadcast = await packageCopied();
  const [video, audio] = ['source', 'audio'].map((id) => segments(broadcast, id));
  t.equal(audio?.length, video?.length);
  for (const [index, { duration, programDateTime, mediaSequenceNumber }] of video!.entries()) {
    const other = audio![index]!;
    t.equal(other.mediaSequenceNumber, mediaSequenceNumber);
    t.ok(Math.abs(other.duration - duration) < 0.07, `segment ${index} of audio lasts ${other.duration} s`);
    t.ok(Math.abs(Number(other.programDateTime) - Number(programDateTime)) < 70);
  }
  const { partTargetDuration = 0 } = playlist(broadcast, 'audio');
  t.ok(partTargetDuration > 0.3 && partTargetDuration < 0.4, `PART-TARGET ${partTargetDuration}`);
  t.match(broadcast.multivariant(), /CODECS="avc1\.[0-9a-f]{6},mp4a\.40\.2"/);
});
