import t, { type Test } from 'tap';
import {
  type GatewayProcess,
  type Livestream,
  startGatewayProcess,
} from '../../../support/gateway/gateway-process.js';
import { statusOf } from '../../../support/gateway/odd-source.js';
import { encodeH264Loop, isIdr, singleUnits } from '../../../support/media/rtp/h264-rtp.js';
import { encodeBeep } from '../../../support/media/rtp/opus-rtp.js';
import {
  RtpPublisher,
  type RtpPublisherOptions,
  type RtpTrack,
} from '../../../support/publishers/rtp-publisher.js';
import { until } from '../../../support/until.js';

const LOOP = await encodeH264Loop();
const gateway = await startGatewayProcess(t, { LADDER: 'off' });
const audio: RtpTrack = { frames: (await encodeBeep(t)).map((packet) => [packet]), frameMs: 20 };
const video: RtpTrack = {
  frames: LOOP.pictures.map((units) => singleUnits(isIdr(units) ? [...LOOP.sets, ...units] : units)),
  frameMs: 1_000 / 30,
};
const withoutKeyframes: RtpTrack = { ...video, frames: video.frames.slice(1) };
const never = { sends: () => false };
t.jobs = 6;

async function publish(
  t: Test,
  gateway: GatewayProcess,
  options: RtpPublisherOptions,
): Promise<{ livestream: Livestream; publisher: RtpPublisher }> {
  const livestream = await gateway.createLivestream();
  return { livestream, publisher: await RtpPublisher.start(t, gateway, livestream, options) };
}

async function untilNotice(livestream: Livestream, pattern: RegExp | undefined): Promise<void> {
  await until(`notice ${pattern}`, async () => {
    const { notices } = await statusOf(gateway, livestream);
    return pattern ? notices.some(({ message }) => pattern.test(message)) : notices.length === 0;
  });
}

const REFUSED: Record<string, [RtpPublisherOptions, RegExp]> = {
  'sends nothing': [{ video: { ...video, ...never }, audio: { ...audio, ...never } }, /choose a camera/],
  'sends video without keyframes alone': [
    { video: withoutKeyframes },
    /set a keyframe interval of 2 seconds/,
  ],
};

for (const [title, [options, pattern]] of Object.entries(REFUSED))
  t.test(`a WHIP publisher that ${title} is refused within 30 s with the cure`, async (t) => {
    const { livestream, publisher } = await publish(t, gateway, options);
    t.equal(await gateway.state(livestream.streamId), 'starting');
    await until(
      'it is refused',
      async () => (await gateway.state(livestream.streamId)) !== 'starting',
      30_000,
    );
    const answer = await fetch(publisher.location, { method: 'DELETE' });
    t.equal(answer.status, 410);
    t.match(await answer.json(), { error: { code: 'media_not_playable', message: pattern } });
  });

const NOTED: Record<string, [RtpPublisherOptions, RegExp]> = {
  'no audio that it has announced': [{ video, audio: { ...audio, ...never } }, /^No audio comes/],
  'no video that it has announced': [{ video: { ...video, ...never }, audio }, /^No video comes/],
  'video without keyframes beside audio': [{ video: withoutKeyframes, audio }, /^No keyframe has come/],
};

for (const [title, [options, pattern]] of Object.entries(NOTED))
  t.test(`a WHIP source with ${title} goes live, and its owner is told`, async (t) => {
    const { livestream } = await publish(t, gateway, options);
    await gateway.untilLive(livestream);
    await untilNotice(livestream, pattern);
    t.equal(await gateway.state(livestream.streamId), 'live');
  });

for (const [kind, pattern] of [
  ['video', /^The video has stopped/],
  ['audio', /^The audio has stopped/],
] as const)
  t.test(`${kind} of a WHIP source that stops is noted until it returns`, async (t) => {
    let stopped = false;
    const track = { ...(kind === 'video' ? video : audio), sends: () => !stopped };
    const { livestream } = await publish(t, gateway, { video, audio, [kind]: track });
    await gateway.untilLive(livestream);
    stopped = true;
    await untilNotice(livestream, pattern);
    t.equal(await gateway.state(livestream.streamId), 'live');
    stopped = false;
    await untilNotice(livestream, undefined);
  });

t.test('a WHIP source whose first keyframe is late shows its video then', async (t) => {
  let late = false;
  const track = { ...video, sends: (ms: number) => late || Math.round(ms / video.frameMs) % 60 !== 0 };
  const { livestream } = await publish(t, gateway, { video: track, audio });
  await untilNotice(livestream, /^No keyframe has come/);
  late = true;
  await untilNotice(livestream, undefined);
  await until('there is video', async () => /RESOLUTION/.test(await (await fetch(livestream.hls)).text()));
});
