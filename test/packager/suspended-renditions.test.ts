import { parse, setOptions, type types } from 'hls-parser';
import t from 'tap';
import type { EncoderRunReader } from '../../src/streams/index.js';
import { PackagedBroadcast } from '../support/gateway/packaged-broadcast.js';
import { makeLadder } from '../support/media/cmaf-ladder.js';
import { readPart } from '../support/media/published-media.js';

setOptions({ strictMode: true });
/** Keyframes every second, every other one the start of a segment; media begin at 10 s. */
const ladder = await makeLadder({ folder: t.testdir(), durationS: 24, frameRate: '25', gop: 25 });
const { chunks } = ladder;
const ENCODED = '180p';
const expected = { kind: 'video' as const, codec: 'avc1.64001f', width: 240, height: 180, bitrate: 330_000 };
const renditions = ladder.renditions.map((one) => (one.id === ENCODED ? { ...one, expected } : one));
const [encoderInit] = chunks.filter(({ rendition }) => rendition === ENCODED);

class SuspendedBroadcast extends PackagedBroadcast {
  readonly reader: EncoderRunReader;
  #untilS = 0;

  constructor() {
    super({ keyframeInterval: 1 });
    this.reader = this.startRun(0, renditions);
    this.reader.renditionSuspended(ENCODED);
  }

  get encoded() {
    return this.packager.findPresentation(this.streamId)!.rendition(ENCODED)!;
  }

  /** Numbers of the complete segments of a rendition. */
  segments(id: string): number[] {
    return [...this.playlist(id).matchAll(/^s(\d+)\.m4s/gm)].map(([, msn]) => Number(msn));
  }

  /** Writes what is copied up to a time. */
  async copyUntil(timeS: number): Promise<void> {
    const from = this.#untilS;
    this.#untilS = timeS;
    await this.writeChunks(
      this.reader,
      chunks.filter((one) => one.rendition !== ENCODED && one.timeS >= from && one.timeS < timeS),
    );
  }

  /** Writes what an encoder makes that joins at a keyframe, at once. */
  encode(fromS: number, untilS: number): void {
    this.reader.write(ENCODED, encoderInit!.bytes);
    this.encodeOn(fromS, untilS);
  }

  /** Writes what the encoder makes then. */
  encodeOn(fromS: number, untilS: number): void {
    for (const { rendition, timeS, bytes } of chunks)
      if (rendition === ENCODED && timeS > 0 && timeS >= fromS && timeS < untilS)
        this.reader.write(ENCODED, bytes);
  }

  suspend(): void {
    this.reader.encoderEnded(ENCODED);
    this.reader.renditionSuspended(ENCODED);
  }
}

t.test('a broadcast is playable while a rendition is suspended, which is listed as expected', async (t) => {
  const broadcast = new SuspendedBroadcast();
  await broadcast.copyUntil(12.5);
  t.equal(broadcast.playableCalls, 1);
  const { variants } = parse(broadcast.multivariant()!) as types.MasterPlaylist;
  const variant = variants.find(({ uri }) => uri.includes(`/${ENCODED}/`));
  t.match(variant, { resolution: { width: 240, height: 180 }, codecs: /^avc1\.64001f,mp4a/ });
  t.ok((variant?.bandwidth ?? 0) >= expected.bitrate);
  t.notMatch(broadcast.playlist('source'), `../${ENCODED}/`, 'no report of it');
  broadcast.reader.close();
});

t.test('requests for a suspended rendition wait until it has a complete segment', async (t) => {
  const broadcast = new SuspendedBroadcast();
  await broadcast.copyUntil(21);
  const answers = [
    broadcast.encoded.ready(),
    broadcast.encoded.reload(3, 0),
    broadcast.encoded.reload(99, 0),
  ];
  const outcomes: string[] = [];
  for (const answer of answers) {
    if (typeof answer === 'object') void answer.outcome.then((outcome) => outcomes.push(outcome));
    else t.fail(`answered ${answer}`);
  }
  broadcast.encode(18, 19.9);
  await broadcast.clock.advance(1);
  t.strictSame(outcomes, []);
  t.equal(broadcast.encoded.playlist(false), undefined);
  broadcast.encodeOn(19.9, 20.5);
  await broadcast.clock.advance(1);
  t.strictSame(outcomes, ['ready', 'ready', 'ready']);
  const [last] = broadcast.segments('source').slice(-1);
  t.strictSame(broadcast.segments(ENCODED), [last], 'of the same number as that of the source');
  t.notMatch(broadcast.playlist(ENCODED), 'EXT-X-GAP');
  t.match(broadcast.playlist('source'), `../${ENCODED}/`);
  t.equal(broadcast.encoded.ready(), 'ready');
  broadcast.reader.close();
});

t.test('a wait for a suspended rendition is bounded, and ends with the broadcast', async (t) => {
  const broadcast = new SuspendedBroadcast();
  await broadcast.copyUntil(15);
  const late = broadcast.encoded.ready();
  await broadcast.clock.advance(6_000);
  t.equal(typeof late === 'object' && (await late.outcome), 'late');
  const never = broadcast.encoded.ready();
  await broadcast.endBroadcast('ended-by-owner');
  t.equal(typeof never === 'object' && (await never.outcome), 'never');
});

t.test('an encoder that comes soon after the suspension continues the open segment', async (t) => {
  const broadcast = new SuspendedBroadcast();
  await broadcast.copyUntil(17);
  broadcast.encode(14, 16.9);
  broadcast.suspend();
  t.equal(typeof broadcast.encoded.ready(), 'object', 'old media are no answer');
  const before = broadcast.encoded.part(3, 0);
  broadcast.encode(17, 18.8);
  await broadcast.copyUntil(19);
  t.equal(broadcast.encoded.ready(), 'ready');
  t.equal(broadcast.encoded.part(3, 0), before, 'a part never changes');
  t.strictSame(broadcast.segments(ENCODED), [2, 3]);
  broadcast.reader.close();
});

t.test('an encoder after a suspension continues all that the one before has made', async (t) => {
  const broadcast = new SuspendedBroadcast();
  await broadcast.copyUntil(17);
  // Keyframes are 0.08 s after each second. 10 frames: a part, and what does not fill the next.
  broadcast.encode(16.07, 16.47);
  broadcast.suspend();
  broadcast.encode(17.07, 18.2);
  await broadcast.copyUntil(18.5);
  const bytes = broadcast.encoded.segment(3);
  if (!Buffer.isBuffer(bytes)) throw new Error('the segment is not complete');
  const { samples } = readPart(broadcast.encoded.init(0)!, bytes);
  const made = chunks
    .filter(({ rendition }) => rendition === ENCODED)
    .map(({ timeS }) => timeS)
    .filter((timeS) => (timeS >= 16.07 && timeS < 16.47) || (timeS >= 17.07 && timeS < 18.07));
  t.strictSame(
    samples.map(({ decodeTime }) => Math.round(decodeTime / 900)),
    made.map((timeS) => Math.round(timeS * 100)),
  );
  broadcast.reader.close();
});

t.test('an encoder that comes late begins anew, and media of the suspension are dropped', async (t) => {
  const broadcast = new SuspendedBroadcast();
  await broadcast.copyUntil(13);
  broadcast.encode(10, 12.9);
  broadcast.suspend();
  await broadcast.copyUntil(29);
  broadcast.encode(26, 28.5);
  const numbers = broadcast.segments(ENCODED);
  t.strictSame(numbers, broadcast.segments('source').slice(-1));
  t.notMatch(broadcast.playlist(ENCODED), 'EXT-X-GAP');
  broadcast.reader.close();
});

t.test('a suspended rendition that ends leaves the multivariant playlist', async (t) => {
  const broadcast = new SuspendedBroadcast();
  await broadcast.copyUntil(14);
  const wait = broadcast.encoded.ready();
  broadcast.reader.renditionEnded(ENCODED);
  t.equal(typeof wait === 'object' && (await wait.outcome), 'never');
  t.notMatch(broadcast.multivariant(), `/${ENCODED}/`);
  t.equal(broadcast.encoded.ready(), 'gone');
  broadcast.reader.close();
});

t.test('a broadcast with all renditions suspended is playable and has no media', async (t) => {
  const broadcast = new PackagedBroadcast();
  const sound = { kind: 'audio' as const, codec: 'mp4a.40.2', bitrate: 140_800, channels: 2 };
  const all = ladder.renditions.map((one) => ({
    ...{ ...one, passthrough: false },
    expected: one.kind === 'audio' ? sound : expected,
  }));
  const idle = broadcast.startRun(0, all);
  for (const { id } of all) {
    t.equal(broadcast.playableCalls, 0);
    idle.renditionSuspended(id);
  }
  t.equal(broadcast.playableCalls, 1);
  const { variants } = parse(broadcast.multivariant()!) as types.MasterPlaylist;
  t.equal(variants.length, all.length);
  t.match(variants[0], { audio: [{ channels: '2' }] });
  const presentation = broadcast.packager.findPresentation(broadcast.streamId)!;
  t.equal(presentation.newestKeyframe(), undefined);
  const release = presentation.holdSuspended();
  t.ok(broadcast.hlsDemand.isWithin(0));
  release?.();
  t.notOk(broadcast.hlsDemand.isWithin(0));

  const answers = all.map(({ id }) => presentation.rendition(id)!.ready());
  idle.close();
  const reader = broadcast.startRun(1, all);
  await broadcast.writeChunks(
    reader,
    chunks.filter(({ timeS }) => timeS < 16),
  );
  for (const answer of answers) t.equal(typeof answer === 'object' && (await answer.outcome), 'ready');
  t.ok(presentation.newestKeyframe());
  t.equal(presentation.holdSuspended(), undefined, 'nothing is suspended');
  for (const { id } of all) {
    const playlist = broadcast.playlist(id);
    parse(playlist);
    t.notMatch(playlist, 'EXT-X-GAP');
  }
  const numbers = [...broadcast.playlist(all[0]!.id).matchAll(/^s(\d+)\.m4s/gm)].map(([, msn]) =>
    Number(msn),
  );

  reader.close();
  const again = broadcast.startRun(2, all);
  for (const { id } of all) again.renditionSuspended(id);
  t.equal(typeof presentation.rendition(all[0]!.id)!.ready(), 'object', 'old media are no answer');
  t.equal(presentation.newestKeyframe(), undefined);
  again.close();
  const last = broadcast.startRun(3, all);
  await broadcast.clock.advance(60_000);
  await broadcast.writeChunks(
    last,
    chunks.filter(({ timeS }) => timeS < 14.5),
  );
  for (const { id } of all) {
    const [first] = [...broadcast.playlist(id).matchAll(/^s(\d+)\.m4s/gm)].map(([, msn]) => Number(msn));
    t.ok((first ?? 0) > (numbers.at(-1) ?? 0), 'only media after the suspension, with higher numbers');
  }
  last.close();
});

t.test(
  'a request of a rendition is recorded, and one of a name that none has as that of the broadcast',
  async (t) => {
    const broadcast = new SuspendedBroadcast();
    const { hlsDemand } = broadcast;
    const presentation = broadcast.packager.findPresentation(broadcast.streamId)!;
    presentation.recordRequest(ENCODED);
    t.ok(hlsDemand.isRenditionWithin(ENCODED, 1_000));
    await broadcast.clock.advance(2_000);
    presentation.recordRequest('made-up');
    t.ok(hlsDemand.isWithin(1_000));
    t.notOk(hlsDemand.isRenditionWithin('made-up', 1_000), 'nothing is kept of it');
    broadcast.reader.close();
  },
);
