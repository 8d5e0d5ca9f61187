import { writeFileSync } from 'node:fs';
import path from 'node:path';
import t, { type Test } from 'tap';
import { Av1Sink, OpusSink } from '../../../../src/webrtc/worker/encoder-io/matroska-sinks.js';
import { MatroskaStream } from '../../../../src/webrtc/worker/encoder-io/matroska-stream.js';
import { OutputTrack } from '../../../../src/webrtc/worker/encoder-io/output-track.js';
import { Layer } from '../../../../src/webrtc/worker/receive/layer.js';
import { av1Film, av1Payloads, temporalUnits } from '../../../support/av1-rtp.js';
import { run } from '../../../support/encoder.js';
import { FakeClock } from '../../../support/fake-clock.js';
import { rtpPacket } from '../../../support/synthetic-rtp.js';

/** A keyframe every ten pictures, one picture every 40 ms. */
const film = av1Film(t).then(temporalUnits);
const GROUP = 10;
const PICTURE_MS = 40;
const SOUND = Buffer.from('f8fffe', 'hex');

/** What is in the stream: seconds of media time. */
type SourceDescription = { video: number[]; audio: number[]; keyframes: number[] };

/** A publisher's two layers and the stream that is made of them. */
class Bench {
  readonly clock = new FakeClock();
  readonly begun = this.clock.now();
  readonly video: Layer;
  readonly audio: Layer;
  readonly bytes: Buffer[] = [];
  full = false;
  requests = 0;
  /** Loses packets of pictures. */
  loses: (packet: number) => boolean = () => false;
  readonly #tracks: OutputTrack[] = [];
  #picture = 0;
  #sequence = { video: 1000, audio: 5000 };
  #nextSound = 0;
  #nextPicture = 0;

  constructor() {
    const { clock } = this;
    const requestKeyframe = (): void => void this.requests++;
    this.video = new Layer({ kind: 'video', rid: '', codec: 'av1', clock, requestKeyframe });
    this.audio = new Layer({ kind: 'audio', rid: '', clock, requestKeyframe });
  }

  /** An encoder begins to read; media time 10 s is now. */
  read(zero = this.clock.now() - 10_000): void {
    const stream = new MatroskaStream({
      ...{ zero, audio: true, isFull: () => this.full },
      write: (...parts) => void this.bytes.push(...parts.filter((part) => part !== undefined)),
    });
    const video = new OutputTrack(this.clock, 'video', new Av1Sink(stream));
    const audio = new OutputTrack(this.clock, 'audio', new OpusSink(stream));
    this.#tracks.push(video, audio);
    this.video.attachAtKeyframe(video, true);
    this.audio.attachAtOnce(audio);
  }

  /** Passes time, in which the publisher sends. */
  async pass(ms: number): Promise<void> {
    const units = await film;
    for (const end = this.clock.now() + ms; this.clock.now() < end; await this.clock.advance(10)) {
      const at = this.clock.now() - this.begun;
      for (; this.#nextPicture <= at; this.#nextPicture += PICTURE_MS) {
        const unit = units[this.#picture++ % units.length] ?? [];
        const payloads = av1Payloads(unit, { mtu: 400, counted: true });
        payloads.forEach((payload, i) => {
          const lost = this.loses(i);
          this.#write(this.video, 'video', this.#nextPicture * 90, payload, i === payloads.length - 1, lost);
        });
      }
      for (; this.#nextSound <= at; this.#nextSound += 20)
        this.#write(this.audio, 'audio', this.#nextSound * 48, SOUND, false, false);
      for (const track of this.#tracks) track.sendAvailable();
    }
  }

  async found(t: Test): Promise<SourceDescription> {
    const file = path.join(t.testdir(), 'stream.mkv');
    writeFileSync(file, Buffer.concat(this.bytes));
    const args = [
      '-v',
      'error',
      '-show_entries',
      'packet=stream_index,pts_time,flags',
      '-of',
      'csv=p=0',
      file,
    ];
    const { stdout, stderr } = await run('ffprobe', args);
    t.equal(stderr, '');
    const packets = stdout
      .trim()
      .split('\n')
      .map((line) => line.split(','));
    const times = (stream: string, keyframe = ''): number[] =>
      packets
        .filter(([index, , flags]) => index === stream && flags?.startsWith(keyframe))
        .map(([, time]) => Number(time));
    return { video: times('0'), audio: times('1'), keyframes: times('0', 'K') };
  }

  /** What decoders say of it. */
  async complaints(t: Test): Promise<string> {
    const file = path.join(t.testdir(), 'stream.mkv');
    writeFileSync(file, Buffer.concat(this.bytes));
    return (await run('ffmpeg', ['-v', 'warning', '-i', file, '-f', 'null', '-'])).stderr;
  }

  #write(
    layer: Layer,
    kind: 'video' | 'audio',
    time: number,
    payload: Buffer,
    marker: boolean,
    lost: boolean,
  ) {
    const sequence = this.#sequence[kind]++;
    if (lost) return;
    const timestamp = time >>> 0;
    const packet = rtpPacket({ payloadType: 1, ssrc: 1, sequence, timestamp, payload });
    layer.packetArrived(timestamp);
    layer.writePacket(packet, sequence, timestamp, marker, -1, this.clock.monotonic());
  }
}

/** Steps between times, in ms. */
function steps(times: number[]): number[] {
  return times.slice(1).map((time, i) => Math.round((time - (times[i] ?? 0)) * 1000));
}

t.test('a stream begins with what is there, and nothing of it is shown before its time', async (t) => {
  const bench = new Bench();
  await bench.pass(GROUP * PICTURE_MS + 6 * PICTURE_MS);
  bench.read();
  await bench.pass(2_000);
  const { video, audio, keyframes } = await bench.found(t);
  // The last picture before it was read is a moment old.
  const [first = 0] = video;
  t.ok(first > 9.9 && first <= 10, `it begins at ${first} s`);
  t.strictSame(
    video.slice(0, 6),
    Array.from({ length: 6 }, () => first),
    'since the keyframe',
  );
  t.ok(steps(video.slice(5)).every((step) => step === PICTURE_MS));
  t.equal(keyframes[0], first);
  t.ok((audio[0] ?? 0) >= first && (audio[0] ?? 0) < first + 0.05, `sound from ${audio[0]} s on`);
  t.ok(steps(audio).every((step) => step === 20));
  t.equal(await bench.complaints(t), '');
});

t.test('sound waits for the first picture', async (t) => {
  const bench = new Bench();
  bench.loses = () => true;
  await bench.pass(100);
  bench.read();
  await bench.pass(500);
  t.equal(bench.bytes.length, 0);
  t.ok(bench.requests > 0, 'a keyframe is asked for');
  bench.loses = () => false;
  await bench.pass(1_500);
  const { video, audio } = await bench.found(t);
  t.ok((video[0] ?? 0) > 10.5);
  t.ok((audio[0] ?? 0) >= (video[0] ?? 0) && (audio[0] ?? 0) < (video[0] ?? 0) + 0.05);
});

t.test('a picture that is torn is left out with all that lean on it, and a keyframe asked for', async (t) => {
  const bench = new Bench();
  await bench.pass(40);
  bench.read();
  await bench.pass(9 * PICTURE_MS);
  let once = true;
  // The second packet of the next keyframe.
  bench.loses = (packet) => packet === 1 && once && !(once = false);
  const { requests } = bench;
  await bench.pass(3_000);
  t.ok(bench.requests > requests);
  const { video, audio, keyframes } = await bench.found(t);
  const gaps = steps(video).filter((step) => step !== 0 && step !== PICTURE_MS);
  t.strictSame(gaps, [(GROUP + 1) * PICTURE_MS], 'one group of pictures is missing');
  t.ok(keyframes.includes(video[steps(video).indexOf((GROUP + 1) * PICTURE_MS) + 1] ?? 0));
  t.ok(
    steps(audio).every((step) => step === 20),
    'the sound does not suffer',
  );
  t.equal(await bench.complaints(t), '');
});

t.test('a reader that is slow is sent no more than it takes, and begins again with a keyframe', async (t) => {
  const bench = new Bench();
  await bench.pass(40);
  bench.read();
  await bench.pass(1_000);
  bench.full = true;
  const { length } = bench.bytes;
  const { requests } = bench;
  await bench.pass(5 * PICTURE_MS);
  t.equal(bench.bytes.length, length);
  t.equal(bench.requests, requests + 1, 'one keyframe is asked for');
  bench.full = false;
  await bench.pass(2_000);
  const { video, keyframes, audio } = await bench.found(t);
  const at = steps(video).findIndex((step) => step > PICTURE_MS);
  t.ok(keyframes.includes(video[at + 1] ?? 0));
  t.equal(steps(audio).filter((step) => step !== 20).length, 1, 'sound is back at once');
  t.equal(await bench.complaints(t), '');
});

t.test('the sender reports move both, and times are never negative', async (t) => {
  const bench = new Bench();
  await bench.pass(200);
  // Its clock says that all this was a minute ago.
  const ago = bench.clock.now() - 60_000;
  bench.video.applyReport(ago, 200 * 90);
  bench.audio.applyReport(ago, 200 * 48);
  bench.read();
  await bench.pass(1_000);
  // And now that the sound was 100 ms earlier than that.
  bench.audio.applyReport(ago + 900, 1_200 * 48);
  await bench.pass(1_000);
  const { video, audio } = await bench.found(t);
  t.equal(video[0], 0);
  t.ok((audio[0] ?? 0) >= 0 && (audio[0] ?? 0) < 0.1);
  t.strictSame(
    steps(audio).filter((step) => step !== 20),
    [-80],
  );
});
