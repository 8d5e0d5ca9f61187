import t, { type Test } from 'tap';
import { MediaSource } from '../../../../src/webrtc/worker/receive/media-source.js';
import { SourceWatch } from '../../../../src/webrtc/worker/receive/source-watch.js';
import { FakeClock } from '../../../support/fake-clock.js';
import { rtpPacket } from '../../../support/synthetic-rtp.js';

const KEYFRAME = Buffer.from([0x65, 1]);
const PICTURE = Buffer.from([0x41, 1]);
const OPUS = Buffer.from([0x78, 1]);
const STEP_MS = 20;

/** A publisher that sends what the test says, and what the watch says of it. */
function bench(t: Test) {
  const clock = new FakeClock();
  const life = new AbortController();
  t.teardown(() => life.abort());
  const asked: string[] = [];
  const mediaSource = new MediaSource({
    id: 'source',
    format: { video: { codec: 'h264', rids: [''] }, audio: true },
    clock,
    requestKeyframe: () => asked.push('keyframe'),
  });
  t.teardown(() => mediaSource.endSource());
  const began: object[] = [];
  new SourceWatch({
    ...{ mediaSource, clock, signal: life.signal },
    sourceDescribed() {},
    mediaStarted: (_, has) => began.push(has),
  });
  let count = 70_000;
  const write = (layer: (typeof mediaSource.allLayers)[number] | undefined, payload: Buffer): void => {
    const fields = { payloadType: 1, ssrc: 1, sequence: ++count, timestamp: count * 960, payload };
    layer?.writePacket(rtpPacket(fields), count, fields.timestamp, true, -1, clock.monotonic());
  };
  const send = async (ms: number, what: { sound?: boolean; picture?: Buffer }): Promise<void> => {
    for (let passed = 0; passed < ms; passed += STEP_MS) {
      if (what.sound) write(mediaSource.audio, OPUS);
      if (what.picture) write(mediaSource.layers[0], what.picture);
      await clock.advance(STEP_MS);
    }
  };
  return { began, asked, send };
}

const BOTH = { audio: true, video: true };

t.test('a picture that stops is told, and that it is back at its first keyframe', async (t) => {
  const { began, asked, send } = bench(t);
  await send(100, { sound: true, picture: KEYFRAME });
  t.strictSame(began, [BOTH]);
  await send(2_000, { sound: true });
  t.equal(began.length, 1, 'a still screen is sent once a second');
  await send(1_100, { sound: true });
  t.strictSame(began.slice(1), [{ audio: true, video: false }]);
  await send(60_000, { sound: true });
  t.equal(began.length, 2, 'once');
  t.equal(asked.length, 0);
  await send(600, { sound: true, picture: PICTURE });
  t.ok(asked.length > 0, 'who comes back in the middle of a group is asked for a keyframe');
  t.equal(began.length, 2);
  await send(100, { sound: true, picture: KEYFRAME });
  t.strictSame(began.slice(2), [BOTH]);
});

t.test('a picture that stops when there is no sound either is waited for', async (t) => {
  const { began, send } = bench(t);
  await send(1_500, { picture: KEYFRAME });
  t.strictSame(
    began,
    [{ audio: false, video: true }],
    'sound that is announced and never comes is done without',
  );
  await send(5_000, {});
  await send(100, { picture: KEYFRAME });
  t.equal(began.length, 1);
});

t.test('sound that stops is no news: the outputs fill it in', async (t) => {
  const { began, send } = bench(t);
  await send(100, { sound: true, picture: KEYFRAME });
  await send(10_000, { picture: PICTURE });
  t.strictSame(began, [BOTH]);
});
