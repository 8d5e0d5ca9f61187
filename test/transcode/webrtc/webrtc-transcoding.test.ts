import { spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { chmodSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { PortPairs } from '../../../src/transcode/inputs/port-pairs.js';
import { FakeSource } from '../../support/fakes/fake-broadcast.js';
import { isAlive, startTranscoderFixture } from '../../support/fixtures/transcoder-fixture.js';
import * as beeping from '../../support/media/encoder.js';
import { flashToBeep } from '../../support/media/flash-and-beep.js';
import { readFlv, sendTags } from '../../support/media/flv-media.js';
import { codedUnits, NAL, nalTypes, nalUnitsOf, sliceType } from '../../support/media/h264-units.js';
import { framesOf, type RtpPacket, RtpReceiver } from '../../support/media/rtp/rtp-receiver.js';
import {
  AUDIO,
  after,
  isGone,
  isWhole,
  make,
  processes,
  publish,
  realtime,
  steps,
} from '../../support/publishers/webrtc-rendition-fixture.js';
import { until } from '../../support/until.js';

t.test('H.264 without B-frames is passed through, with parameter sets before every keyframe', async (t) => {
  const made = await make(t, { seconds: 12 });
  const { subscription, lines } = await startTranscoderFixture(t, { ladder: 'off' });
  const { source, startedAt, position } = publish(t, subscription, made);
  await after(1_200);
  const [video, audio] = [await RtpReceiver.open(t), await RtpReceiver.open(t)];
  const last = made.tags.findLast(({ keyframe, timestamp }) => keyframe && timestamp <= position());
  const rendition = realtime(subscription, source, video, audio);
  await video.until(() => framesOf(video.packets).length > 125);
  t.equal(rendition.passthrough, true);
  rendition.close();
  await isGone(t, rendition, lines());

  t.strictSame([...new Set(video.packets.map(({ payloadType }) => payloadType))], [96]);
  t.strictSame([...new Set(audio.packets.map(({ payloadType }) => payloadType))], [97]);
  for (const { packets, reports } of [video, audio]) {
    const sources = new Set(packets.map(({ ssrc }) => ssrc));
    t.equal(sources.size, 1);
    t.strictSame(new Set(reports.map(({ ssrc }) => ssrc)), sources, 'reports are of the same source');
    t.ok((reports[0]?.at ?? Number.POSITIVE_INFINITY) < (packets[0]?.at ?? 0) + 50, 'the first comes first');
    isWhole(t, packets);
  }
  t.not(video.packets[0]?.ssrc, audio.packets[0]?.ssrc);

  const frames = framesOf(video.packets).slice(0, -1);
  t.strictSame(nalTypes(frames[0]?.units ?? []).slice(0, 2), [NAL.sps, NAL.pps], 'it begins with a keyframe');
  const byTime = new Map(
    made.tags
      .filter(({ kind, header }) => kind === 'video' && !header)
      .map((tag) => [tag.timestamp + tag.body.readIntBE(2, 3), tag]),
  );
  const at = (picture: (typeof frames)[number]): number =>
    Math.round(
      video.timeOf({ timestamp: picture.timestamp, ssrc: video.packets[0]?.ssrc } as RtpPacket, 90_000) -
        startedAt,
    );
  const began = byTime.get(at(frames[0] as (typeof frames)[number]));
  t.equal(began?.timestamp, last?.timestamp, 'the last one before somebody came');
  for (const picture of frames) {
    const tag = byTime.get(at(picture));
    if (!tag) throw new Error(`there is no picture at ${at(picture)}`);
    const own = codedUnits(picture.units);
    const original = codedUnits(nalUnitsOf(tag));
    if (!Buffer.concat(own).equals(Buffer.concat(original)))
      t.fail(`the picture at ${at(picture)} is another`);
    if (nalTypes(own).includes(NAL.idr))
      t.strictSame(
        nalTypes(picture.units).slice(0, 2),
        [NAL.sps, NAL.pps],
        `parameter sets at ${at(picture)}`,
      );
  }
  t.ok(frames.filter(({ units }) => nalTypes(units).includes(NAL.idr)).length >= 3);
  t.strictSame(steps(audio.packets), new Set([960]), 'Opus every 20 ms');
});

t.test('a source with B-frames is encoded from its current position', async (t) => {
  const made = await make(t, { bFrames: 2 });
  const { subscription, lines } = await startTranscoderFixture(t, { ladder: 'off' });
  const { source, startedAt, position } = publish(t, subscription, made);
  await after(1_500);
  const [video, audio] = [await RtpReceiver.open(t), await RtpReceiver.open(t)];
  const asked = position();
  const rendition = realtime(subscription, source, video, audio);
  await video.until(() => framesOf(video.packets).length > 75);
  t.equal(rendition.passthrough, false);
  rendition.close();
  await isGone(t, rendition, lines());
  isWhole(t, video.packets);
  const frames = framesOf(video.packets).slice(0, -1);
  t.ok(
    nalTypes(frames[0]?.units ?? []).includes(NAL.sps) && nalTypes(frames[0]?.units ?? []).includes(NAL.idr),
  );
  const times = frames.map(({ timestamp }) => (timestamp - (frames[0]?.timestamp ?? 0)) | 0);
  t.strictSame(
    times,
    [...times].sort((a, b) => a - b),
    'pictures are sent in the order in which they are shown',
  );
  // ue(v) slice_type stands behind ue(v) first_mb_in_slice (ITU-T H.264, 7.3.3).
  const slices = frames.flatMap(({ units }) => units.filter(([first = 0]) => (first & 0x1f) === NAL.slice));
  t.strictSame(
    slices.filter((slice) => [1, 6].includes(sliceType(slice))),
    [],
    'none of them is a B slice',
  );
  const sps = frames[0]?.units.find(([first = 0]) => (first & 0x1f) === NAL.sps);
  t.equal(sps?.[1], 66, 'in the baseline profile');
  const first = video.timeOf(video.packets[0] as RtpPacket, 90_000) - startedAt;
  t.ok(first > asked - 300 && first < asked + 400, `it begins where the stream is: ${first - asked} ms`);
  const keyframes = frames.filter(({ units }) => nalTypes(units).includes(NAL.idr));
  t.ok(keyframes.length > 1);
  for (const [index, { timestamp }] of keyframes.slice(1).entries())
    t.ok(((timestamp - (keyframes[index]?.timestamp ?? 0)) | 0) <= 2.05 * 90_000, 'a keyframe every 2 s');
  t.strictSame(steps(audio.packets), new Set([960]));
});

/** Whether somebody listens at this UDP port. */
function isTaken(port: number): Promise<boolean> {
  const socket = createSocket('udp4');
  return new Promise((resolve) => {
    socket.once('error', () => socket.close(() => resolve(true)));
    socket.bind({ port, address: '127.0.0.1', exclusive: true }, () => socket.close(() => resolve(false)));
  });
}

t.test('audio and video are in sync, with B-frames too', async (t) => {
  const file = await beeping.testMedia(8);
  const made = readFlv(file, { width: 640, height: 360, rate: '30000/1001', keyframes: 2 }, AUDIO);
  if (made.info.video) made.info.video.bFrames = true;
  const { subscription, lines } = await startTranscoderFixture(t, { ladder: 'off' });
  const { source } = publish(t, subscription, made);
  await after(300);
  const [video, audio] = [await RtpReceiver.open(t), await RtpReceiver.open(t)];
  const folder = t.testdir();
  const ports = new PortPairs();
  const [frames, sound] = [await ports.take(), await ports.take()];
  writeFileSync(
    `${folder}/in.sdp`,
    `v=0\no=- 0 0 IN IP4 127.0.0.1\ns=-\nc=IN IP4 127.0.0.1\nt=0 0\nm=video ${frames} RTP/AVP 96\na=rtpmap:96 H264/90000\na=fmtp:96 packetization-mode=1\nm=audio ${sound} RTP/AVP 97\na=rtpmap:97 opus/48000/2\n`,
  );
  const recorded = `${folder}/out.mkv`;
  const args = ['-v', 'error', '-y', '-protocol_whitelist', 'file,udp,rtp', '-i', `${folder}/in.sdp`];
  const recorder = spawn('ffmpeg', [...args, '-c', 'copy', '-t', '4', recorded], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  t.teardown(() => recorder.kill('SIGKILL'));
  await until('the recorder listens', () => isTaken(sound + 1));
  const rendition = subscription.encodeForWebrtc?.(source, { videoPort: frames, audioPort: sound });
  if (!rendition) throw new Error('nobody makes a realtime rendition');
  await once(recorder, 'exit', { signal: AbortSignal.timeout(20_000) });
  const offsets = await flashToBeep(recorded);
  t.ok(offsets.length >= 3);
  for (const offset of offsets) t.ok(Math.abs(offset) < 0.06, `${offset} s`);
  t.equal(video.packets.length + audio.packets.length, 0);
  rendition.close();
  await isGone(t, rendition, lines());
});

t.test(
  'a killed encoder is replaced: of video at a keyframe, of audio beside video that goes on',
  async (t) => {
    for (const bFrames of [2, 0]) {
      const made = await make(t, { bFrames });
      const { subscription, lines } = await startTranscoderFixture(t, { ladder: 'off' });
      const { source } = publish(t, subscription, made);
      const [video, audio] = [await RtpReceiver.open(t), await RtpReceiver.open(t)];
      const rendition = realtime(subscription, source, video, audio);
      await video.until(() => framesOf(video.packets).length > 40 && audio.packets.length > 20);
      process.kill(processes(lines())[0] ?? 0, 'SIGKILL');
      const next = ({ packets }: RtpReceiver): RtpPacket[] =>
        packets.filter(({ ssrc }) => ssrc !== packets[0]?.ssrc);
      const killedAt = video.packets.length;
      await video.until(() => next(audio).length > 20 && video.packets.length > killedAt + 60);
      if (bFrames > 0)
        t.strictSame(nalTypes(framesOf(next(video))[0]?.units ?? []).slice(0, 2), [NAL.sps, NAL.pps]);
      else {
        t.equal(next(video).length, 0, 'video needs no encoder');
        isWhole(t, video.packets);
      }
      t.match(
        lines().find(({ msg }) => msg === 'the WebRTC rendition failed'),
        { level: 40, reason: /SIGKILL/ },
      );
      rendition.close();
      await isGone(t, rendition, lines());
    }
  },
);

t.test('a hanging encoder delays no publication and is replaced', async (t) => {
  const made = await make(t, { bFrames: 2 });
  const { subscription, lines } = await startTranscoderFixture(t, { ladder: 'off' });
  const { source } = publish(t, subscription, { ...made, tags: made.tags });
  const [video, audio] = [await RtpReceiver.open(t), await RtpReceiver.open(t)];
  const rendition = realtime(subscription, source, video, audio);
  await video.until(() => framesOf(video.packets).length > 20);
  const [pid = 0] = processes(lines());
  process.kill(pid, 'SIGSTOP');
  await video.until(() => processes(lines()).length > 1, 20_000);
  const before = video.packets.length;
  await video.until(() => video.packets.length > before + 20);
  t.notOk(isAlive(pid));
  t.equal(source.totalHolds, 0, 'the publisher was never held');
  t.match(
    lines().find(({ msg }) => msg === 'the WebRTC rendition failed'),
    { reason: /does not read/ },
  );
  rendition.close();
  await isGone(t, rendition, lines());
});

t.test('the rendition ends with its publication and with its broadcast', async (t) => {
  const made = await make(t, {});
  for (const how of ['publication', 'replaced', 'broadcast'] as const) {
    const { subscription, lines } = await startTranscoderFixture(t, { ladder: 'off' });
    const { source, stop } = publish(t, subscription, made);
    const [video, audio] = [await RtpReceiver.open(t), await RtpReceiver.open(t)];
    const rendition = realtime(subscription, source, video, audio);
    await video.until(() => video.packets.length > 20);
    stop();
    const begin = performance.now();
    if (how === 'broadcast') await subscription.broadcastEnded('ended-by-owner');
    else source.end(how === 'replaced' ? 'replaced' : 'publisher-left');
    await isGone(t, rendition, lines());
    t.ok(performance.now() - begin < 2_000, how);
    rendition.close();
  }
});

t.test('a new timeline continues with a new encoder', async (t) => {
  const made = await make(t, {});
  const { subscription, lines } = await startTranscoderFixture(t, { ladder: 'off' });
  const { source, stop } = publish(t, subscription, made);
  const [video, audio] = [await RtpReceiver.open(t), await RtpReceiver.open(t)];
  const rendition = realtime(subscription, source, video, audio);
  await video.until(() => video.packets.length > 20 && audio.packets.length > 5);
  stop();
  const startedAt = Date.now();
  source.restart(startedAt, made.has);
  void sendTags(made.tags.slice(0, 300), source.write);
  await video.until(() => processes(lines()).length > 1);
  const before = video.packets.length;
  await video.until(() => video.packets.length > before + 30);
  const last = video.packets.at(-1) as RtpPacket;
  const time = video.timeOf(last, 90_000);
  t.ok(time > startedAt - 50 && time < Date.now() + 50, 'its reports tell the new time');
  rendition.close();
  await isGone(t, rendition, lines());
});

t.test('B-frames and distant keyframes end the passthrough', async (t) => {
  for (const change of ['B-frames', 'keyframes'] as const) {
    const made = await make(t, { seconds: 12 });
    const tags =
      change === 'keyframes'
        ? made.tags.map((tag) => (tag.timestamp > 1_000 ? { ...tag, keyframe: false } : tag))
        : made.tags;
    const { subscription, lines } = await startTranscoderFixture(t, { ladder: 'off' });
    const { source } = publish(t, subscription, { ...made, tags });
    const [video, audio] = [await RtpReceiver.open(t), await RtpReceiver.open(t)];
    const rendition = realtime(subscription, source, video, audio);
    await video.until(() => framesOf(video.packets).length > 20);
    t.equal(rendition.passthrough, true);
    if (change === 'B-frames' && source.info.video)
      source.info = { ...source.info, video: { ...source.info.video, bFrames: true } };
    await video.until(() => processes(lines()).length > 1);
    t.equal(rendition.passthrough, false, change);
    const before = video.packets.length;
    await video.until(() => video.packets.length > before + 20);
    rendition.close();
    await isGone(t, rendition, lines());
  }
});

t.test('audio alone and video alone are sent', async (t) => {
  for (const media of [{ video: false }, { audio: false }] as const) {
    const made = await make(t, media);
    const { subscription, lines } = await startTranscoderFixture(t, { ladder: 'off' });
    const { source } = publish(t, subscription, made);
    const [video, audio] = [await RtpReceiver.open(t), await RtpReceiver.open(t)];
    const rendition = realtime(subscription, source, video, audio);
    const [some, none] = 'video' in media ? [audio, video] : [video, audio];
    await some.until(() => some.packets.length > 40);
    t.equal(none.packets.length, 0);
    rendition.close();
    await isGone(t, rendition, lines());
  }
});

t.test('a source that is RTP already needs no rendition', async (t) => {
  const made = await make(t, { seconds: 1 });
  const { subscription } = await startTranscoderFixture(t, { ladder: 'off' });
  const source = new (class extends FakeSource {
    override readonly rtp = {
      mediaSourceId: 'feed',
      send: async () => ({ close: () => {} }),
      sendMatroska: async () => ({ path: '/nowhere', close: () => {} }),
    };
  })(made.info);
  const video = await RtpReceiver.open(t);
  await realtime(subscription, source, video).closed;
  t.pass();
});

t.test('an encoder that cannot run is given up after some attempts and affects nothing else', async (t) => {
  const made = await make(t, {});
  const file = path.join(t.testdir(), 'ffmpeg');
  writeFileSync(file, '#!/bin/sh\ncase "$*" in *rtcpport*) exit 3 ;; *) exec ffmpeg "$@" ;; esac\n');
  chmodSync(file, 0o755);
  const { subscription, lines, broadcast } = await startTranscoderFixture(t, {
    ladder: 'off',
    ffmpegPath: file,
  });
  const { source } = publish(t, subscription, made);
  const [video, audio] = [await RtpReceiver.open(t), await RtpReceiver.open(t)];
  const rendition = realtime(subscription, source, video, audio);
  await isGone(t, rendition, lines());
  t.equal(processes(lines()).length, 6);
  t.equal(broadcast.failed, undefined);
});
