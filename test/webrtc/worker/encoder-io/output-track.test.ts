import t from 'tap';
import { OutputTrack } from '../../../../src/webrtc/worker/encoder-io/output-track.js';
import { RtpSink } from '../../../../src/webrtc/worker/encoder-io/rtp-sink.js';
import { Layer } from '../../../../src/webrtc/worker/receive/layer.js';
import { FakeClock } from '../../../support/fakes/fake-clock.js';
import { rtpPacket } from '../../../support/media/rtp/synthetic-rtp.js';

const PORT = 5000;
const SILENCE = 'f8fffe';
const AUDIO_PAYLOAD = '78010203';
const TICK_MS = 50;

type Sent = { sequence: number; timestamp: number; marker: boolean; payload: string };

/** A layer and the packets that an output sends of it. */
class Fixture {
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

  /** Advances time, with or without audio packets. */
  async pass(ms: number, audio: boolean): Promise<void> {
    for (let passed = 0; passed < ms; passed += 20) {
      if (audio) this.write(AUDIO_PAYLOAD, 960);
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

t.test(
  'audio that stops is replaced by silence, with contiguous sequence numbers and timestamps',
  async (t) => {
    for (const timestampsContinue of [true, false]) {
      const fixture = new Fixture('audio');
      fixture.layer.attachAtOnce(fixture.track);
      await fixture.pass(1_000, true);
      const before = fixture.sent.length;
      await fixture.pass(400, false);
      t.equal(fixture.sent.length, before, 'no silence for a short pause');
      await fixture.pass(9_600, false);
      const silence = fixture.sent.slice(before);
      t.ok(silence.length > 480 && silence.length <= 500, `${silence.length} packets for ten seconds`);
      t.ok(silence.every(({ payload }) => payload === SILENCE));
      // Timestamps count samples or time, depending on the sender; only a later report tells which.
      if (timestampsContinue) fixture.timestamp += 48 * 10_000;
      await fixture.pass(2_000, true);
      const after = fixture.sent
        .slice(before + silence.length)
        .filter(({ payload }) => payload === AUDIO_PAYLOAD);
      t.ok(after.length > 65, `${after.length} audio packets in two seconds`);
      t.ok(steps(fixture.sent, 'sequence').every((step) => step === 1));
      const last = fixture.sent.at(-1)!;
      t.equal(last.payload, AUDIO_PAYLOAD);
      if (timestampsContinue) {
        const gaps = steps(fixture.sent, 'timestamp');
        t.ok(
          gaps.every((step) => step >= 960 - 48 && step < 960 * 12),
          'no step back, and no step above the silence delay',
        );
        t.equal(fixture.reports, 0);
      } else t.equal(fixture.reports, 1, 'sender report for the changed clock');
    }
  },
);

t.test('audio that never arrives is replaced by silence once its clock is known', async (t) => {
  const fixture = new Fixture('audio');
  fixture.layer.attachAtOnce(fixture.track);
  await fixture.pass(2_000, false);
  t.equal(fixture.sent.length, 0);
  fixture.layer.applyReport(fixture.clock.now(), 48_000);
  await fixture.pass(2_000, false);
  t.ok(fixture.sent.length > 60, `${fixture.sent.length} packets`);
  t.ok(fixture.sent.every(({ payload }) => payload === SILENCE));
});

t.test('VP9 is sent with a plain descriptor, in its lowest spatial layer only', async (t) => {
  const fixture = new Fixture('video');
  fixture.layer.attachAtKeyframe(fixture.track, true);
  // Frames of two spatial layers in flexible mode; the marker ends the upper layer.
  fixture.write('b8' + '8001' + '00' + 'aa01', 0);
  fixture.write('b4' + '8001' + '00' + 'aa02', 0);
  fixture.write('bc' + '8001' + '03' + 'bb01', 3_000, true);
  fixture.write('fc' + '8002' + '00' + '02' + 'aa03', 0);
  fixture.write('fc' + '8002' + '03' + '02' + 'bb02', 3_000, true);
  t.strictSame(
    fixture.sent.map(({ payload, marker }) => [payload, marker]),
    [
      ['08aa01', false],
      ['04aa02', true],
      ['0caa03', true],
    ],
  );
  t.ok(steps(fixture.sent, 'sequence').every((step) => step === 1));
});
