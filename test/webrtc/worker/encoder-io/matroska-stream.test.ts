import { writeFileSync } from 'node:fs';
import path from 'node:path';
import t, { type Test } from 'tap';
import { Av1Sink, OpusSink } from '../../../../src/webrtc/worker/encoder-io/matroska-sinks.js';
import { MatroskaStream } from '../../../../src/webrtc/worker/encoder-io/matroska-stream.js';
import { OutputTrack } from '../../../../src/webrtc/worker/encoder-io/output-track.js';
import { Layer } from '../../../../src/webrtc/worker/receive/layer.js';
import { FakeClock } from '../../../support/fakes/fake-clock.js';
import { run } from '../../../support/media/encoder.js';
import { av1Payloads, encodeAv1, temporalUnits } from '../../../support/media/rtp/av1-rtp.js';
import { rtpPacket } from '../../../support/media/rtp/synthetic-rtp.js';

/** Keyframe every ten frames, one frame every 40 ms. */
const clip = encodeAv1(t).then(temporalUnits);
const GROUP = 10;
const FRAME_INTERVAL_MS = 40;
const OPUS_SILENCE = Buffer.from('f8fffe', 'hex');

/** Timestamps in the stream, s. */
type SourceDescription = { video: number[]; audio: number[]; keyframes: number[] };

/** Video and audio layers of a publisher, and the stream made of them. */
class Fixture {
  readonly clock = new FakeClock();
  readonly startedAt = this.clock.now();
  readonly video: Layer;
  readonly audio: Layer;
  readonly bytes: Buffer[] = [];
  full = false;
  requests = 0;
  /** Selects lost video packets by their index in the frame. */
  loses: (packet: number) => boolean = () => false;
  readonly #tracks: OutputTrack[] = [];
  #frames = 0;
  #sequence = { video: 1000, audio: 5000 };
  #nextAudio = 0;
  #nextVideo = 0;

  constructor() {
    const { clock } = this;
    const requestKeyframe = (): void => void this.requests++;
    this.video = new Layer({ kind: 'video', rid: '', codec: 'av1', clock, requestKeyframe });
    this.audio = new Layer({ kind: 'audio', rid: '', clock, requestKeyframe });
  }

  /** Starts an output; media time 10 s is now. */
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

  /** Advances time while the publisher sends. */
  async pass(ms: number): Promise<void> {
    const units = await clip;
    for (const end = this.clock.now() + ms; this.clock.now() < end; await this.clock.advance(10)) {
      const at = this.clock.now() - this.startedAt;
      for (; this.#nextVideo <= at; this.#nextVideo += FRAME_INTERVAL_MS) {
        const unit = units[this.#frames++ % units.length] ?? [];
        const payloads = av1Payloads(unit, { mtu: 400, counted: true });
        payloads.forEach((payload, i) => {
          const lost = this.loses(i);
          this.#write(this.video, 'video', this.#nextVideo * 90, payload, i === payloads.length - 1, lost);
        });
      }
      for (; this.#nextAudio <= at; this.#nextAudio += 20)
        this.#write(this.audio, 'audio', this.#nextAudio * 48, OPUS_SILENCE, false, false);
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

  /** Returns warnings of ffmpeg's decoders. */
  async decoderWarnings(t: Test): Promise<string> {
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

/** Returns steps between times, ms. */
function steps(times: number[]): number[] {
  return times.slice(1).map((time, i) => Math.round((time - (times[i] ?? 0)) * 1000));
}

t.test("a stream starts with the buffered group of pictures, all at the start's timestamp", async (t) => {
  const fixture = new Fixture();
  await fixture.pass(GROUP * FRAME_INTERVAL_MS + 6 * FRAME_INTERVAL_MS);
  fixture.read();
  await fixture.pass(2_000);
  const { video, audio, keyframes } = await fixture.found(t);
  // The last frame before the start is up to one interval old.
  const [first = 0] = video;
  t.ok(first > 9.9 && first <= 10, `starts at ${first} s`);
  t.strictSame(
    video.slice(0, 6),
    Array.from({ length: 6 }, () => first),
    'backlog since the keyframe',
  );
  t.ok(steps(video.slice(5)).every((step) => step === FRAME_INTERVAL_MS));
  t.equal(keyframes[0], first);
  t.ok((audio[0] ?? 0) >= first && (audio[0] ?? 0) < first + 0.05, `audio from ${audio[0]} s`);
  t.ok(steps(audio).every((step) => step === 20));
  t.equal(await fixture.decoderWarnings(t), '');
});

t.test('audio is dropped before the first video frame', async (t) => {
  const fixture = new Fixture();
  fixture.loses = () => true;
  await fixture.pass(100);
  fixture.read();
  await fixture.pass(500);
  t.equal(fixture.bytes.length, 0);
  t.ok(fixture.requests > 0, 'a keyframe is requested');
  fixture.loses = () => false;
  await fixture.pass(1_500);
  const { video, audio } = await fixture.found(t);
  t.ok((video[0] ?? 0) > 10.5);
  t.ok((audio[0] ?? 0) >= (video[0] ?? 0) && (audio[0] ?? 0) < (video[0] ?? 0) + 0.05);
});

t.test('an incomplete frame and its dependents are dropped, and a keyframe is requested', async (t) => {
  const fixture = new Fixture();
  await fixture.pass(40);
  fixture.read();
  await fixture.pass(9 * FRAME_INTERVAL_MS);
  let once = true;
  // Lose the second packet of the next keyframe.
  fixture.loses = (packet) => packet === 1 && once && !(once = false);
  const { requests } = fixture;
  await fixture.pass(3_000);
  t.ok(fixture.requests > requests);
  const { video, audio, keyframes } = await fixture.found(t);
  const gaps = steps(video).filter((step) => step !== 0 && step !== FRAME_INTERVAL_MS);
  t.strictSame(gaps, [(GROUP + 1) * FRAME_INTERVAL_MS], 'one group of pictures is missing');
  t.ok(keyframes.includes(video[steps(video).indexOf((GROUP + 1) * FRAME_INTERVAL_MS) + 1] ?? 0));
  t.ok(
    steps(audio).every((step) => step === 20),
    'audio is unaffected',
  );
  t.equal(await fixture.decoderWarnings(t), '');
});

t.test(
  'a slow reader is sent nothing while its backlog is full, and then continues with a keyframe',
  async (t) => {
    const fixture = new Fixture();
    await fixture.pass(40);
    fixture.read();
    await fixture.pass(1_000);
    fixture.full = true;
    const { length } = fixture.bytes;
    const { requests } = fixture;
    await fixture.pass(5 * FRAME_INTERVAL_MS);
    t.equal(fixture.bytes.length, length);
    t.equal(fixture.requests, requests + 1, 'one keyframe is requested');
    fixture.full = false;
    await fixture.pass(2_000);
    const { video, keyframes, audio } = await fixture.found(t);
    const at = steps(video).findIndex((step) => step > FRAME_INTERVAL_MS);
    t.ok(keyframes.includes(video[at + 1] ?? 0));
    t.equal(steps(audio).filter((step) => step !== 20).length, 1, 'audio continues at once');
    t.equal(await fixture.decoderWarnings(t), '');
  },
);

t.test('sender reports move both streams, and timestamps are never negative', async (t) => {
  const fixture = new Fixture();
  await fixture.pass(200);
  // The sender's clock is a minute behind.
  const minuteAgo = fixture.clock.now() - 60_000;
  fixture.video.applyReport(minuteAgo, 200 * 90);
  fixture.audio.applyReport(minuteAgo, 200 * 48);
  fixture.read();
  await fixture.pass(1_000);
  // Audio is now reported 100 ms earlier.
  fixture.audio.applyReport(minuteAgo + 900, 1_200 * 48);
  await fixture.pass(1_000);
  const { video, audio } = await fixture.found(t);
  t.equal(video[0], 0);
  t.ok((audio[0] ?? 0) >= 0 && (audio[0] ?? 0) < 0.1);
  t.strictSame(
    steps(audio).filter((step) => step !== 20),
    [-80],
  );
});
