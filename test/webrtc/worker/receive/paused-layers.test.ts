import t, { type Test } from 'tap';
import { type PictureState, RtpHeader } from '../../../../src/media/index.js';
import { MediaSource } from '../../../../src/webrtc/worker/receive/media-source.js';
import { NO_ORIENTATION } from '../../../../src/webrtc/worker/receive/packet-ring.js';
import { PausedLayers } from '../../../../src/webrtc/worker/receive/paused-layers.js';
import { RtpReceiver } from '../../../../src/webrtc/worker/receive/rtp-receiver.js';
import { FakeClock } from '../../../support/fakes/fake-clock.js';
import { rtpPacket } from '../../../support/media/rtp/synthetic-rtp.js';

const KEYFRAME = Buffer.from([0x65, 1, 2, 3]);
const INTER = Buffer.from([0x41, 1, 2, 3]);
const PUBLISHER = 5;
const SLATE = 9;
const CHECK_MS = 50;

function fixture(t: Test) {
  const clock = new FakeClock();
  let requests = 0;
  const mediaSource = new MediaSource({
    id: 'source',
    format: { video: { codec: 'h264', rids: [''] }, audio: false },
    clock,
    requestKeyframe: () => requests++,
  });
  t.teardown(() => mediaSource.endSource());
  const reported: PictureState[] = [];
  const paused = new PausedLayers({
    ...{ mediaSource, clock },
    pictureChanged: (state) => reported.push(state),
  });
  const layer = mediaSource.layers[0]!;
  const receiver = new RtpReceiver({ layer, ssrc: PUBLISHER, clock, nack: false });
  const sequences = { [PUBLISHER]: 65_500, [SLATE]: 100 };
  const next = (ssrc: number, payload: Buffer): { packet: Buffer; header: RtpHeader } => {
    const sequence = (sequences[ssrc as 5 | 9]++ & 0xffff) >>> 0;
    const timestamp = Math.round(clock.monotonic() * 90) >>> 0;
    const packet = rtpPacket({ payloadType: 96, ssrc, sequence, timestamp, payload, marker: true });
    const header = new RtpHeader();
    header.read(packet);
    return { packet, header };
  };
  return {
    ...{ clock, layer, paused, reported },
    requests: () => requests,
    /** Sends a picture of the publisher. */
    publish(payload: Buffer): string {
      const { packet, header } = next(PUBLISHER, payload);
      const at = clock.monotonic();
      const turn = paused.accept(layer, packet, header, at);
      if (turn === 'return') receiver.restart();
      if (turn !== 'drop') receiver.acceptPacket(packet, header, NO_ORIENTATION, at);
      return turn;
    },
    writeSlate(writer: object, payload: Buffer): void {
      const { packet, header } = next(SLATE, payload);
      paused.writeSlate(writer, packet, header, clock.monotonic());
    },
    async pass(ms: number): Promise<void> {
      for (let passed = 0; passed < ms; passed += CHECK_MS) {
        await clock.advance(CHECK_MS);
        paused.check();
      }
    },
  };
}

t.test('a slate continues the numbering of a layer until the next keyframe of the publisher', async (t) => {
  const { layer, paused, reported, requests, publish, writeSlate, pass } = fixture(t);
  const writer = {};
  t.equal(paused.beginSlate(writer), false, 'the picture does not pause');
  for (let i = 0; i < 20; i++) {
    t.equal(publish(i === 0 ? KEYFRAME : INTER), 'continue');
    await pass(50);
  }
  await pass(1_300);
  t.same(reported, ['late']);
  t.equal(paused.beginSlate(writer), false, 'nor is it a pause when it is late');
  await pass(200);
  t.same(reported, ['late', 'paused']);
  t.ok(paused.beginSlate(writer));
  const before = { head: layer.head, timestamp: layer.headTimestamp };
  writeSlate({}, KEYFRAME);
  t.equal(layer.head, before.head, 'another writer has no part');
  for (let i = 0; i < 10; i++) {
    writeSlate(writer, i === 0 ? KEYFRAME : INTER);
    await pass(100);
  }
  t.equal(layer.head, before.head + 10);
  const advanced = layer.headTimestamp - before.timestamp;
  t.ok(Math.abs(advanced - 2_400 * 90) < 200 * 90, `${advanced} ticks`);
  t.ok(paused.isSlateShown);
  const requested = requests();
  t.equal(publish(INTER), 'drop');
  t.ok(requests() > requested);
  t.equal(layer.head, before.head + 10);
  t.equal(publish(KEYFRAME), 'return');
  t.equal(publish(INTER), 'continue');
  t.equal(layer.head, before.head + 12);
  t.same(reported, ['late', 'paused', 'flowing']);
  writeSlate(writer, KEYFRAME);
  t.equal(layer.head, before.head + 12, 'the slate is over');
  t.notOk(paused.isSlateShown);
});

t.test('a pause that ends without a slate goes on with any picture', async (t) => {
  const { reported, publish, pass } = fixture(t);
  publish(KEYFRAME);
  await pass(50);
  publish(INTER);
  await pass(1_600);
  t.same(reported, ['late', 'paused']);
  t.equal(publish(INTER), 'continue');
  t.same(reported, ['late', 'paused', 'flowing']);
});

t.test('a picture that was sent steadily pauses sooner', async (t) => {
  const { reported, publish, pass } = fixture(t);
  for (let sentMs = 0; sentMs < 3_500; sentMs += CHECK_MS) {
    publish(sentMs === 0 ? KEYFRAME : INTER);
    await pass(CHECK_MS);
  }
  t.same(reported, []);
  await pass(900);
  t.same(reported, ['late']);
  await pass(50);
  t.same(reported, ['late', 'paused']);
});

t.test('a late picture that comes is no pause', async (t) => {
  const { reported, publish, pass } = fixture(t);
  publish(KEYFRAME);
  await pass(1_200);
  publish(INTER);
  await pass(50);
  t.same(reported, ['late', 'flowing']);
});

t.test('a still screen that is sent once a second, or less often, does not pause', async (t) => {
  const { reported, publish, pass } = fixture(t);
  for (let i = 0; i < 10; i++) {
    publish(i === 0 ? KEYFRAME : INTER);
    await pass(1_100);
  }
  for (let i = 0; i < 5; i++) {
    publish(INTER);
    await pass(2_000);
  }
  t.notOk(reported.includes('paused'));
});

t.test('a publisher that sends again without keyframes is shown after 12 s', async (t) => {
  const { paused, reported, publish, writeSlate, pass } = fixture(t);
  const writer = {};
  publish(KEYFRAME);
  await pass(50);
  publish(INTER);
  await pass(1_600);
  t.ok(paused.beginSlate(writer));
  writeSlate(writer, KEYFRAME);
  for (let sentMs = 0; sentMs < 12_000; sentMs += 1_000) {
    t.equal(publish(INTER), 'drop');
    await pass(1_000);
  }
  t.equal(publish(INTER), 'return');
  t.equal(publish(INTER), 'continue');
  t.same(reported, ['late', 'paused', 'flowing']);
});
