import t, { type Test } from 'tap';
import { ntpMiddle, RtpHeader } from '../../../../src/media/index.js';
import { MediaSource } from '../../../../src/webrtc/worker/receive/media-source.js';
import { RtpReceiver } from '../../../../src/webrtc/worker/receive/rtp-receiver.js';
import { SourceCounter } from '../../../../src/webrtc/worker/receive/source-counter.js';
import { FakeClock } from '../../../support/fakes/fake-clock.js';
import { rtpPacket, SPS_640X360 } from '../../../support/media/rtp/synthetic-rtp.js';

const DELTA = Buffer.from([0x41, ...Buffer.alloc(99)]);
const HEADER_BYTES = 12;

function fixture(t: Test) {
  const clock = new FakeClock();
  const mediaSource = new MediaSource({
    id: 'source',
    format: { video: { codec: 'h264', rids: [''] }, audio: true },
    clock,
    requestKeyframe() {},
  });
  t.teardown(() => mediaSource.endSource());
  const [layer] = mediaSource.layers;
  const video = new RtpReceiver({ layer: layer!, ssrc: 1, clock, nack: true });
  const audio = new RtpReceiver({ layer: mediaSource.audio!, ssrc: 2, clock, nack: false });
  const header = new RtpHeader();
  const send = (receiver: RtpReceiver, sequence: number, payload: Buffer): void => {
    const fields = { payloadType: 1, ssrc: receiver.ssrc, sequence, timestamp: sequence * 3_000, payload };
    const packet = rtpPacket({ ...fields, marker: true });
    header.read(packet);
    receiver.acceptPacket(packet, header, -1, clock.monotonic());
  };
  const counter = new SourceCounter(mediaSource, clock);
  return { clock, counter, video, audio, send, sample: () => counter.sample([video, audio]) };
}

t.test('bytes, pictures and keyframes add up over samples', async (t) => {
  const { clock, video, audio, send, sample } = fixture(t);
  send(video, 1, SPS_640X360);
  send(video, 2, DELTA);
  send(audio, 1, Buffer.alloc(50));
  await clock.advance(1_000);
  t.match(sample(), {
    pictures: 2,
    keyframes: 1,
    keyframeBytes: HEADER_BYTES + SPS_640X360.length,
    videoBytes: 2 * HEADER_BYTES + SPS_640X360.length + DELTA.length,
    audioBytes: HEADER_BYTES + 50,
  });
  send(video, 3, DELTA);
  t.match(sample(), { pictures: 3, keyframes: 1, packets: 4, packetsLost: 0 });
});

t.test('packets that never come are lost, and those that are sent again are not', async (t) => {
  const { clock, video, send, sample } = fixture(t);
  for (const sequence of [1, 2, 5, 6]) send(video, sequence, DELTA);
  t.match(sample(), { packets: 6, packetsLost: 2 });
  await clock.advance(50);
  video.dueNacks(clock.monotonic());
  await clock.advance(80);
  send(video, 3, DELTA);
  const { packets, packetsLost, roundTripMs } = sample();
  t.same([packets, packetsLost], [6, 1]);
  t.ok(roundTripMs > 40 && roundTripMs < 80, 'the time from a NACK to the packet');
});

t.test('an answer to a reference time gives the round trip, and a wrong one does not', async (t) => {
  const { clock, counter, sample } = fixture(t);
  t.ok(Number.isNaN(sample().roundTripMs));
  const sent = ntpMiddle(clock.now());
  await clock.advance(250);
  counter.countRoundTrip(sent, 0.1 * 65_536);
  t.ok(Math.abs(sample().roundTripMs - 150) < 1, '100 ms passed at the sender');
  counter.countRoundTrip(0, 5);
  counter.countRoundTrip((sent + 60 * 65_536) >>> 0, 0);
  t.ok(Math.abs(sample().roundTripMs - 150) < 1, 'no reference, and one from the future');
});

t.test('levels of the sound are averaged by their power', async (t) => {
  const { counter, sample } = fixture(t);
  t.ok(Number.isNaN(sample().audioLevelDb));
  for (const level of [20, 0x80 | 20]) counter.countAudioLevel(level);
  t.ok(Math.abs(sample().audioLevelDb + 20) < 0.01, 'without the flag of speech');
  for (const level of [127, 10]) counter.countAudioLevel(level);
  t.ok(Math.abs(sample().audioLevelDb + 13) < 0.05);
  t.ok(Number.isNaN(sample().audioLevelDb), 'no packet has come since');
});

t.test('a jump of the timestamps is counted', async (t) => {
  const { clock, video, audio, counter, send } = fixture(t);
  const normalising = new RtpReceiver({ layer: video.layer, ssrc: 1, clock, nack: true, normalises: {} });
  for (const sequence of [1, 2, 3]) send(normalising, sequence, DELTA);
  t.equal(counter.sample([normalising, audio]).timestampJumps, 0);
  const jumped = rtpPacket({
    ...{ payloadType: 1, ssrc: 1, sequence: 4, timestamp: 900_000_000, marker: true },
    payload: DELTA,
  });
  const header = new RtpHeader();
  header.read(jumped);
  normalising.acceptPacket(jumped, header, -1, clock.monotonic());
  t.equal(counter.sample([normalising, audio]).timestampJumps, 1);
});
