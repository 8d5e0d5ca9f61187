import t, { type Test } from 'tap';
import { MediaSource } from '../../../../src/webrtc/worker/receive/media-source.js';
import { SourceWatch } from '../../../../src/webrtc/worker/receive/source-watch.js';
import { FakeClock } from '../../../support/fakes/fake-clock.js';
import { rtpPacket } from '../../../support/media/rtp/synthetic-rtp.js';

const KEYFRAME = Buffer.from([0x65, 1]);
const DELTA_FRAME = Buffer.from([0x41, 1]);
const OPUS = Buffer.from([0x78, 1]);
const STEP_MS = 20;

/** Creates a publisher's media source and records the reports of its watch. */
function fixture(t: Test) {
  const clock = new FakeClock();
  const controller = new AbortController();
  t.teardown(() => controller.abort());
  const requests: string[] = [];
  const mediaSource = new MediaSource({
    id: 'source',
    format: { video: { codec: 'h264', rids: [''] }, audio: true },
    clock,
    requestKeyframe: () => requests.push('keyframe'),
  });
  t.teardown(() => mediaSource.endSource());
  const began: object[] = [];
  new SourceWatch({
    ...{ mediaSource, clock, signal: controller.signal },
    pausedLayers: { isSlateShown: false, isSlateExpected: false },
    sourceDescribed() {},
    mediaStarted: (_, has) => began.push(has),
  });
  let count = 70_000;
  const write = (layer: (typeof mediaSource.allLayers)[number] | undefined, payload: Buffer): void => {
    const fields = { payloadType: 1, ssrc: 1, sequence: ++count, timestamp: count * 960, payload };
    layer?.writePacket(rtpPacket(fields), count, fields.timestamp, true, -1, clock.monotonic());
  };
  const send = async (ms: number, media: { audio?: boolean; video?: Buffer }): Promise<void> => {
    for (let passed = 0; passed < ms; passed += STEP_MS) {
      if (media.audio) write(mediaSource.audio, OPUS);
      if (media.video) write(mediaSource.layers[0], media.video);
      await clock.advance(STEP_MS);
    }
  };
  return { began, requests, send };
}

const BOTH = { audio: true, video: true };

t.test('video that stops is reported, and its return at the next keyframe', async (t) => {
  const { began, requests, send } = fixture(t);
  await send(100, { audio: true, video: KEYFRAME });
  t.strictSame(began, [BOTH]);
  await send(2_000, { audio: true });
  t.equal(began.length, 1, 'a static screen is not a stop');
  await send(1_100, { audio: true });
  t.strictSame(began.slice(1), [{ audio: true, video: false }]);
  await send(60_000, { audio: true });
  t.equal(began.length, 2, 'reported once');
  t.equal(requests.length, 0);
  await send(600, { audio: true, video: DELTA_FRAME });
  t.ok(requests.length > 0, 'a keyframe is requested when video resumes within a group of pictures');
  t.equal(began.length, 2);
  await send(100, { audio: true, video: KEYFRAME });
  t.strictSame(began.slice(2), [BOTH]);
});

t.test('video that stops without audio is not reported', async (t) => {
  const { began, send } = fixture(t);
  await send(1_500, { video: KEYFRAME });
  t.strictSame(began, [{ audio: false, video: true }], 'starts without audio that never arrives');
  await send(5_000, {});
  await send(100, { video: KEYFRAME });
  t.equal(began.length, 1);
});

t.test('audio that stops is not reported', async (t) => {
  const { began, send } = fixture(t);
  await send(100, { audio: true, video: KEYFRAME });
  await send(10_000, { video: DELTA_FRAME });
  t.strictSame(began, [BOTH]);
});
