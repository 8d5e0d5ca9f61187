import { Writable } from 'node:stream';
import t from 'tap';
import type { FlvTag } from '../../../src/media/index.js';
import { GopBuffer } from '../../../src/transcode/inputs/gop-buffer.js';
import { WebrtcFlvPipe } from '../../../src/transcode/webrtc/webrtc-flv-pipe.js';
import { FakeClock } from '../../support/fakes/fake-clock.js';

/** Bytes and interval of the pipe's pace. */
const PACE = { bytes: 32_768, ms: 4 };

/** Standard input of an ffmpeg that reads nothing until it has started. */
class Input extends Writable {
  bytes = 0;
  #started = true;
  #unread: (() => void)[] = [];

  override _write(bytes: Buffer, _encoding: string, done: () => void): void {
    this.bytes += bytes.length;
    if (this.#started) done();
    else this.#unread.push(done);
  }

  set started(started: boolean) {
    this.#started = started;
    if (started) for (const done of this.#unread.splice(0)) done();
  }
}

function video(timestamp: number, bytes: number, keyframe = false): FlvTag {
  return { kind: 'video', timestamp, body: Buffer.alloc(bytes, 1), header: false, keyframe };
}

/** Group of pictures of one second. */
function gopOf(keyframeBytes: number, frameBytes: number): GopBuffer {
  const gop = new GopBuffer();
  gop.reset(true);
  gop.push({ ...video(0, 40), header: true });
  gop.push(video(0, keyframeBytes, true));
  for (let frame = 1; frame < 30; frame++) gop.push(video(frame * 33, frameBytes));
  return gop;
}

function open(input: Input) {
  const clock = new FakeClock();
  const pipe = new WebrtcFlvPipe(input, {
    has: { audio: false, video: true },
    offset: 10_000,
    frameRate: 30,
    paced: true,
    onDrop: () => t.fail('the backlog was dropped'),
    clock,
  });
  t.teardown(() => pipe.close());
  return { clock, pipe };
}

t.test('the first tags are written at no more than 8 MB/s, also when a tag is larger', async (t) => {
  const input = new Input();
  const { clock, pipe } = open(input);
  pipe.begin(gopOf(150_000, 12_000));
  const written: number[] = [];
  for (let before = 0; written.reduce((sum, bytes) => sum + bytes, 0) < 150_000 + 29 * 12_000; ) {
    await clock.advance(PACE.ms);
    written.push(input.bytes - before);
    before = input.bytes;
    if (written.length > 200) throw new Error('the tags are not written');
  }
  const headers = 1_000;
  t.ok(Math.max(...written) < 150_000 + PACE.bytes + headers, 'the keyframe and one step at most');
  const keyframeAt = written.findIndex((bytes) => bytes > 150_000);
  const pause = written.slice(keyframeAt + 1).findIndex((bytes) => bytes > 0);
  t.ok(pause >= Math.floor(150_000 / PACE.bytes) - 1, `the keyframe delays the next tags by ${pause} steps`);
  for (const bytes of written.slice(keyframeAt + 1)) t.ok(bytes < PACE.bytes + headers, `${bytes} bytes`);
});

t.test('a pipe that ffmpeg does not read yet gets no further tags', async (t) => {
  const input = new Input();
  input.started = false;
  const { clock, pipe } = open(input);
  pipe.begin(gopOf(60_000, 30_000));
  await clock.advance(PACE.ms);
  const given = input.writableLength;
  await clock.advance(1_000);
  t.equal(input.writableLength, given, 'nothing is added while ffmpeg starts');
  t.ok(given < 60_000 + PACE.bytes + 1_000, `${given} bytes wait`);
  input.started = true;
  await clock.advance(1_000);
  t.ok(input.bytes > 60_000 + 29 * 30_000, 'the rest follows');
});

t.test('tags that arrive while the first ones are written follow them at once', async (t) => {
  const input = new Input();
  const { clock, pipe } = open(input);
  pipe.begin(gopOf(60_000, 30_000));
  pipe.write(video(1_000, 5_000, true));
  const before = input.bytes;
  await clock.advance(1_000);
  const all = input.bytes;
  t.ok(all > before + 5_000, 'the queue is written');
  pipe.write(video(1_033, 5_000));
  await clock.advance(0);
  t.ok(input.bytes >= all + 5_000, 'a later tag is not delayed');
});
