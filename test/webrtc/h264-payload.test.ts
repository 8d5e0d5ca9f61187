import t from 'tap';
import { readH264Profile } from '../../src/media/index.js';
import { h264ToAccept, h264ToSend } from '../../src/webrtc/h264-payload.js';
import type { NegotiatedVideo } from '../../src/webrtc/index.js';
import {
  areContinuous,
  connectPublisher,
  sequenceNumbersOf,
  startWebrtcPool,
  TestViewer,
  VIDEO,
  viewerPlan,
} from '../support/gateway/webrtc-pool.js';
import { FrameStream } from '../support/media/rtp/synthetic-rtp.js';

function offered(...profiles: (string | undefined)[]): NegotiatedVideo[] {
  return profiles.map((profile, i) => ({
    codec: 'h264',
    payloadType: 100 + i,
    parameters: `packetization-mode=1${profile ? `;profile-level-id=${profile}` : ''}`,
  }));
}

const CONSTRAINED_BASELINE = { idc: 66, constraints: 0xc0 };
const MAIN = { idc: 77, constraints: 0x40 };
const HIGH = { idc: 100, constraints: 0 };

t.test('a stream is sent with the payload type of its profile, or of decoders that play it', async (t) => {
  const sent = (profiles: (string | undefined)[], profile: typeof HIGH | undefined): string | undefined =>
    /profile-level-id=(\w+)/.exec(h264ToSend(offered(...profiles), profile)?.parameters ?? '')?.[1];
  const chromium = ['42e01f', '42001f', '4d001f', 'f4001f'];
  t.equal(sent(chromium, CONSTRAINED_BASELINE), '42e01f');
  t.equal(sent(chromium, MAIN), '4d001f');
  t.equal(sent(chromium, HIGH), 'f4001f', 'High 4:4:4 Predictive decoders play High');
  const safari = ['42e01f', '640c1f'];
  t.equal(sent(safari, HIGH), '640c1f');
  t.equal(sent(safari, MAIN), '640c1f');
  t.equal(sent(['640c1f'], CONSTRAINED_BASELINE), '640c1f');
  t.equal(sent(['42e01f'], HIGH), '42e01f', 'the only one');
  t.equal(sent(chromium, undefined), '42e01f', 'unknown yet');
  t.equal(sent(['42e01f', '640c1f'], { idc: 110, constraints: 0 }), '42e01f', 'not a profile of WebRTC');
  t.equal(h264ToSend(offered(undefined), HIGH)?.payloadType, 100);
  t.equal(h264ToSend([], HIGH), undefined);
});

t.test('the profile is read from a parameter set alone, aggregated, or in its first fragment', async (t) => {
  const sps = [0x67, 100, 0, 31, 0xac];
  const read = (...bytes: number[]) => readH264Profile(Buffer.from(bytes), 0, bytes.length);
  t.strictSame(read(...sps), HIGH);
  t.strictSame(read(0x78, 0, 2, 0x09, 0xf0, 0, sps.length, ...sps), HIGH, 'after a delimiter');
  t.strictSame(read(0x7c, 0x87, ...sps.slice(1)), HIGH);
  t.equal(read(0x7c, 0x07, ...sps.slice(1)), undefined, 'a later fragment');
  t.equal(read(0x65, 100, 0, 31), undefined, 'a slice');
  for (const cut of [[], [0x67], [0x67, 100, 0], [0x7c], [0x7c, 0x87], [0x78], [0x78, 0, 9, ...sps]])
    t.equal(read(...cut), undefined, `cut short: ${cut}`);
});

t.test('each profile is accepted once, and of packetization mode 0 the best one', async (t) => {
  const types = (codecs: NegotiatedVideo[]): number[] => h264ToAccept(codecs).map((one) => one.payloadType);
  t.strictSame(types(offered('42e01f', '42e034', '64001f', undefined, '420029')), [100, 102, 103]);
  const single = offered('42e01f', '64001f').map((one) => ({ ...one, parameters: 'packetization-mode=0' }));
  t.strictSame(types(single), [100]);
  const unknownMode = offered('42e01f', '64001f').map((one, i) => ({
    ...one,
    ...(i === 0 ? { parameters: 'packetization-mode=10;profile-level-id=42e01f' } : {}),
  }));
  t.strictSame(types(unknownMode), [101], 'mode 10 is not mode 1');
});

t.test('the payload type follows the profile of the source at each keyframe', async (t) => {
  const { pool, peers } = await startWebrtcPool(t);
  const { peer } = await connectPublisher(pool, peers, 'source');
  pool.setMediaSource('group', 'source');
  const plan = viewerPlan({ codecs: offered('42e01f', '4d001f', '64001f') });
  const viewer = await TestViewer.connect(pool, peers, 'group', plan);
  const stream = new FrameStream(VIDEO);
  const send = (idc: number | undefined): void => {
    const packets = stream.nextFrame(idc !== undefined, 2);
    // The first packet of a keyframe is an SPS after 12 bytes of RTP header.
    if (idc !== undefined && idc !== 66) packets[0]!.set([idc, 0], 13);
    peer.send(...packets);
  };
  const types = (packets: Buffer[]): number[] => [...new Set(packets.map((packet) => packet[1]! & 0x7f))];
  send(66);
  send(undefined);
  t.strictSame(types(await viewer.untilVideoPackets(5)), [100]);
  send(100);
  send(undefined);
  const packets = await viewer.untilVideoPackets(10);
  t.strictSame(types(packets.slice(0, 5)), [100]);
  t.strictSame(types(packets.slice(5)), [102]);
  t.ok(areContinuous(sequenceNumbersOf(packets)));
  const late = await TestViewer.connect(pool, peers, 'group', plan);
  t.strictSame(types(await late.untilVideoPackets(5)), [102], 'a viewer that joins later has it at once');
  send(77);
  t.strictSame(types((await viewer.untilVideoPackets(13)).slice(10)), [101]);
});
