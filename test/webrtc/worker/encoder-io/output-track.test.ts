import t from 'tap';
import { OutputTrack } from '../../../../src/webrtc/worker/encoder-io/output-track.js';
import { RtpSink } from '../../../../src/webrtc/worker/encoder-io/rtp-sink.js';
import { Layer } from '../../../../src/webrtc/worker/receive/layer.js';
import { FakeClock } from '../../../support/fake-clock.js';
import { rtpPacket } from '../../../support/synthetic-rtp.js';

const PORT = 5000;
const SILENCE = 'f8fffe';
const SOUND = '78010203';
const TICK_MS = 50;

type Sent = { sequence: number; timestamp: number; marker: boolean; payload: string };

/** A layer, and what an output makes of it. */
class Bench {
  readonly clock = new FakeClock();
  readonly sent: Sent[] = [];
  reports = 0;
  readonly layer: Layer;
  readonly track: OutputTrack;
  sequence = 70_000;
  timestamp = 1_000;

  constructor(kind: 'audio' | 'video') {
    const { clock } = this;
    this.layer = new Layer({
      ...{ kind, rid: '', clock, requestKeyframe: () => {} },
      ...(kind === 'video' ? { codec: 'vp9' as const } : {}),
    });
    const socket = { send: (packet: Buffer, port: number) => this.#take(packet, port) };
    this.track = new OutputTrack(clock, kind, new RtpSink(clock, socket as never, kind, PORT));
  }

  write(payload: string, ticks: number, marker = false): void {
    const fields = { payloadType: 1, sequence: this.sequence, timestamp: this.timestamp, ssrc: 1 };
    const packet = rtpPacket({ ...fields, payload: Buffer.from(payload, 'hex') });
    this.layer.packetArrived(this.timestamp);
    this.layer.writePacket(packet, this.sequence++, this.timestamp, marker, -1, this.clock.monotonic());
    this.timestamp += ticks;
  }

  /** Passes time; with sound or without. */
  async pass(ms: number, sound: boolean): Promise<void> {
    for (let passed = 0; passed < ms; passed += 20) {
      if (sound) this.write(SOUND, 960);
      await this.clock.advance(20);
      if (passed % TICK_MS < 20) this.track.fillSilence();
    }
  }

  #take(packet: Buffer, port: number): void {
    if (port !== PORT) {
      this.reports++;
      return;
    }
    this.sent.push({
      sequence: packet.readUInt16BE(2),
      timestamp: packet.readUInt32BE(4),
      marker: packet[1]! >= 0x80,
      payload: packet.subarray(12).toString('hex'),
    });
  }
}

function steps(sent: Sent[], by: 'sequence' | 'timestamp'): number[] {
  return sent.slice(1).map((packet, i) => packet[by] - (sent[i]?.[by] ?? 0));
}

t.test('sound that stops is silence until it is back, without a hole in numbers or time', async (t) => {
  for (const samplesGoOn of [true, false]) {
    const bench = new Bench('audio');
    bench.layer.attachAtOnce(bench.track);
    await bench.pass(1_000, true);
    const before = bench.sent.length;
    await bench.pass(400, false);
    t.equal(bench.sent.length, before, 'a short pause is none');
    await bench.pass(9_600, false);
    const silence = bench.sent.slice(before);
    t.ok(silence.length > 480 && silence.length <= 500, `${silence.length} packets for ten seconds`);
    t.ok(silence.every(({ payload }) => payload === SILENCE));
    // A sender counts what it is given, or the time: it says which only in a report, some seconds later.
    if (samplesGoOn) bench.timestamp += 48 * 10_000;
    await bench.pass(2_000, true);
    const after = bench.sent.slice(before + silence.length).filter(({ payload }) => payload === SOUND);
    t.ok(after.length > 65, `${after.length} packets of sound in two seconds`);
    t.ok(steps(bench.sent, 'sequence').every((step) => step === 1));
    const last = bench.sent.at(-1)!;
    t.equal(last.payload, SOUND);
    if (samplesGoOn) {
      const gaps = steps(bench.sent, 'timestamp');
      t.ok(
        gaps.every((step) => step >= 960 - 48 && step < 960 * 12),
        'never back, and no more than the distance that silence keeps',
      );
      t.equal(bench.reports, 0);
    } else t.equal(bench.reports, 1, 'how the sender counts now');
  }
});

t.test('sound that never came is silence, as soon as its clock is known', async (t) => {
  const bench = new Bench('audio');
  bench.layer.attachAtOnce(bench.track);
  await bench.pass(2_000, false);
  t.equal(bench.sent.length, 0);
  bench.layer.applyReport(bench.clock.now(), 48_000);
  await bench.pass(2_000, false);
  t.ok(bench.sent.length > 60, `${bench.sent.length} packets`);
  t.ok(bench.sent.every(({ payload }) => payload === SILENCE));
});

t.test('VP9 is sent without what ffmpeg does not understand, its lowest spatial layer alone', async (t) => {
  const bench = new Bench('video');
  bench.layer.attachAtKeyframe(bench.track, true);
  // A picture of two layers, in the flexible mode; the marker is at the end of the upper one.
  bench.write('b8' + '8001' + '00' + 'aa01', 0);
  bench.write('b4' + '8001' + '00' + 'aa02', 0);
  bench.write('bc' + '8001' + '03' + 'bb01', 3_000, true);
  bench.write('fc' + '8002' + '00' + '02' + 'aa03', 0);
  bench.write('fc' + '8002' + '03' + '02' + 'bb02', 3_000, true);
  t.strictSame(
    bench.sent.map(({ payload, marker }) => [payload, marker]),
    [
      ['08aa01', false],
      ['04aa02', true],
      ['0caa03', true],
    ],
  );
  t.ok(steps(bench.sent, 'sequence').every((step) => step === 1));
});
