import { writeFileSync } from 'node:fs';
import { Writable } from 'node:stream';
import t from 'tap';
import { type FlvTag, flvFileHeader, frameFlvTag } from '../../../src/media/index.js';
import { MediaPosition } from '../../../src/transcode/hls/media-position.js';
import { FlvPipe } from '../../../src/transcode/inputs/flv-pipe.js';
import { bytesOf, FakeSource } from '../../support/fakes/fake-broadcast.js';
import { startTranscoderFixture } from '../../support/fixtures/transcoder-fixture.js';
import { parseCmaf } from '../../support/media/cmaf.js';
import { createTestMedia, readFlv, sendTags } from '../../support/media/flv-media.js';

/** A pipe whose reader reads only when it is told to. */
class Pipe extends Writable {
  readonly read: Buffer[] = [];
  #waiting: { bytes: Buffer; done: () => void }[] = [];
  #open = false;

  override _write(bytes: Buffer, _encoding: string, done: () => void): void {
    if (this.#open) {
      this.read.push(bytes);
      done();
    } else this.#waiting.push({ bytes, done });
  }

  set open(open: boolean) {
    this.#open = open;
    if (!open) return;
    for (const { bytes, done } of this.#waiting.splice(0)) {
      this.read.push(bytes);
      done();
    }
  }
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function tag(timestamp: number, size: number): FlvTag {
  return { kind: 'video', timestamp, body: Buffer.alloc(size, 1), header: false, keyframe: false };
}

function feeding(high = { bytes: 200_000, ms: 3_000 }, low = { bytes: 100_000, ms: 1_500 }) {
  const pipe = new Pipe();
  const full: boolean[] = [];
  const flvPipe = new FlvPipe(
    pipe,
    { header: () => flvFileHeader({ audio: true, video: true }), frame: frameFlvTag },
    { offset: 10_000, high, low, onFull: (state) => full.push(state) },
  );
  return { pipe, full, flvPipe };
}

t.test('an FLV pipe writes tags with shifted timestamps', async (t) => {
  const { pipe, flvPipe } = feeding();
  pipe.open = true;
  flvPipe.write({ ...tag(5, 3), keyframe: true });
  flvPipe.write(tag(0x1000000, 2));
  flvPipe.end();
  await settled();
  const file = `${t.testdir()}/x.flv`;
  writeFileSync(file, Buffer.concat(pipe.read));
  const { tags, has } = readFlv(file);
  t.strictSame(has, { audio: true, video: true });
  t.strictSame(
    tags.map(({ timestamp, body }) => [timestamp, body.length]),
    [
      [10_005, 3],
      [0x1000000 + 10_000, 2],
    ],
  );
  t.ok(pipe.writableEnded);
});

t.test('an FLV pipe is full above 3 s of media and free below half of that', async (t) => {
  const { pipe, full, flvPipe } = feeding();
  for (let at = 0; at <= 10_000; at += 100) flvPipe.write(tag(at, 10_000));
  t.strictSame(full, [true]);
  pipe.open = true;
  await settled();
  await settled();
  t.strictSame(full, [true, false]);
  t.equal(flvPipe.bytes, 0);
});

t.test('an FLV pipe is full above its byte limit', async (t) => {
  const { full, flvPipe } = feeding();
  for (let at = 0; at < 40; at++) flvPipe.write(tag(at, 10_000));
  t.strictSame(full, [true]);
});

t.test('tags wait in the FLV pipe when ffmpeg does not read', async (t) => {
  const { pipe, flvPipe } = feeding();
  for (let at = 0; at < 100; at++) flvPipe.write(tag(at, 10_000));
  t.ok(pipe.writableLength < 90_000, `${pipe.writableLength}`);
  t.ok(flvPipe.bytes > 900_000);
  pipe.open = true;
  for (let round = 0; round < 100 && flvPipe.bytes > 0; round++) await settled();
  t.equal(flvPipe.bytes, 0, 'and all of it in the end');
});

t.test('primed tags do not make the FLV pipe full', async (t) => {
  const { full, flvPipe } = feeding({ bytes: 1e9, ms: 3_000 }, { bytes: 1e9, ms: 1_500 });
  flvPipe.prime(101);
  for (let at = 0; at <= 10_000; at += 100) flvPipe.write(tag(at, 10_000));
  t.strictSame(full, []);
});

t.test('a closed FLV pipe is empty and not full', async (t) => {
  const { full, flvPipe } = feeding();
  for (let at = 0; at <= 10_000; at += 100) flvPipe.write(tag(at, 10_000));
  flvPipe.close();
  t.equal(flvPipe.bytes, 0);
  t.strictSame(full, [true, false]);
  flvPipe.write(tag(20_000, 10));
  t.equal(flvPipe.bytes, 0);
});

t.test('a position is read from CMAF bytes in chunks of any size', async (t) => {
  const video = { width: 320, height: 180, rate: '30', keyframes: 1 };
  const made = await createTestMedia({ file: `${t.testdir()}/film.flv`, durationS: 2, video });
  const { broadcast, subscription } = await startTranscoderFixture(t, { ladder: 'off' });
  const source = new FakeSource(made.info);
  subscription.publicationStarted?.(source);
  source.restart(Date.now(), made.has);
  await sendTags(made.tags, source.write, { speed: 5 });
  source.end('publisher-left');
  await subscription.broadcastEnded('grace-expired');
  const bytes = bytesOf(broadcast.runs[0], '180p');
  const [before, newest] = parseCmaf(bytes).fragments.slice(-2);
  const last = newest?.decode ?? 0;
  for (const size of [1, 7, 100, 1_000, bytes.length]) {
    const position = new MediaPosition(90_000);
    t.equal(position.milliseconds, undefined);
    for (let at = 0; at < bytes.length; at += size) position.push(bytes.subarray(at, at + size));
    t.equal(position.milliseconds, last * 1000, `in pieces of ${size}`);
    t.equal(position.endMs, Math.round((last + (newest?.duration ?? 0)) * 1000), 'the end of the last');
    const cut = new MediaPosition(90_000);
    for (let at = 0; at < bytes.length - 1; at += size)
      cut.push(bytes.subarray(at, Math.min(at + size, bytes.length - 1)));
    t.equal(
      cut.endMs,
      Math.round(((before?.decode ?? 0) + (before?.duration ?? 0)) * 1000),
      'of complete ones',
    );
  }
  const lost = new MediaPosition(90_000);
  lost.push(Buffer.alloc(100));
  lost.push(bytes);
  t.equal(lost.milliseconds, undefined, 'bytes that are no boxes are not understood');
});
