import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { PassThrough } from 'node:stream';
import t from 'tap';
import { newSrtpKey } from '../../../src/media/index.js';
import { ffmpegPlan } from '../../../src/transcode/ffmpeg/ffmpeg-arguments.js';
import { chooseLadder, DEFAULT_LADDER } from '../../../src/transcode/hls/ladder.js';
import { LoopbackRtcp } from '../../../src/transcode/inputs/loopback-rtcp.js';
import { PortPairs } from '../../../src/transcode/inputs/port-pairs.js';
import { RtpInput } from '../../../src/transcode/inputs/rtp-input.js';
import { sessionDescription } from '../../../src/transcode/inputs/rtp-session.js';
import { webrtcRenditionPlan } from '../../../src/transcode/webrtc/webrtc-rendition-plan.js';
import { FakeClock } from '../../support/fakes/fake-clock.js';

const SOFTWARE = {
  encoder: 'software',
  preset: 'veryfast',
  threads: 2,
  vaapiDevice: '/dev/dri/renderD128',
} as const;

t.test('port pairs are free, even, and given once', async (t) => {
  const pairs = new PortPairs();
  const ports = await Promise.all(Array.from({ length: 20 }, () => pairs.take()));
  t.equal(new Set(ports).size, 20);
  t.ok(ports.every((port) => port % 2 === 0));
  for (const port of ports.flatMap((even) => [even, even + 1])) {
    const socket = createSocket('udp4');
    socket.bind(port, '127.0.0.1');
    await once(socket, 'listening');
    socket.close();
  }
  for (const port of ports) pairs.release(port);
  t.equal(pairs.size, 0);
});

t.test('loopback RTCP detects a listener and sends it a BYE that ffmpeg understands', async (t) => {
  const pairs = new PortPairs();
  const port = await pairs.take();
  const line = new LoopbackRtcp(port, newSrtpKey());
  t.teardown(() => line.close());
  t.equal(await line.answers(), false);
  const socket = createSocket('udp4');
  socket.bind(port, '127.0.0.1');
  await once(socket, 'listening');
  t.teardown(() => socket.close());
  // The refusal of what was sent before is told first.
  t.equal((await line.answers()) || (await line.answers()), true);
  const heard: Buffer[] = [];
  socket.on('message', (bytes: Buffer) => heard.push(bytes));
  line.bye();
  while (!heard.some((bytes) => bytes.length === 30)) await once(socket, 'message');
  // An empty receiver report, then a goodbye (RFC 3550, sections 6.1 and 6.6), of which SRTCP encrypts the latter.
  t.match(heard.at(-1)?.toString('hex'), /^80c9000100000000.{16}8000000/);
  line.close();
  line.close();
  t.equal(await line.answers(), false, 'nobody answers to a closed line');
});

t.test('the session description has the tracks of a publication', async (t) => {
  const text = sessionDescription({
    ...{ srtpKey: 'KEY=', video: { codec: 'h264', port: 30_000 }, audio: { port: 30_002 } },
  });
  t.strictSame(text.split('\r\n'), [
    'v=0',
    'o=- 0 0 IN IP4 127.0.0.1',
    's=-',
    'c=IN IP4 127.0.0.1',
    't=0 0',
    'm=video 30000 RTP/SAVP 96',
    'a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:KEY=',
    'a=rtpmap:96 H264/90000',
    'a=fmtp:96 packetization-mode=1',
    'm=audio 30002 RTP/SAVP 97',
    'a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:KEY=',
    'a=rtpmap:97 opus/48000/2',
    'a=fmtp:97 sprop-stereo=1',
    '',
  ]);
  t.notMatch(sessionDescription({ srtpKey: 'KEY=', audio: { port: 30_000 } }), /video/);
});

async function waiting(clock: FakeClock) {
  const input = await RtpInput.open({
    source: { send: async () => ({ close: () => {} }) },
    has: { video: 'vp8', audio: true },
    frameRate: 30,
    pairs: new PortPairs(),
    clock,
  });
  return input;
}

t.test("an encoder's delay is its growing backlog, and not the drift of clocks", async (t) => {
  const clock = new FakeClock();
  const input = await waiting(clock);
  t.teardown(() => input.close());
  let position = 10_000;
  let worst = 0;
  input.outputReceived('video');
  t.equal(input.lag('video', position), 0);
  for (let second = 0; second < 600; second++) {
    await clock.advance(1_000);
    // The sender's clock loses half a second in a thousand.
    position += 999.5;
    input.outputReceived('video');
    worst = Math.max(worst, input.lag('video', position));
  }
  t.ok(worst < 1, `${worst} ms`);
  await clock.advance(1_000);
  t.ok(Math.abs(input.lag('video', position) - 1_000) < 5, 'a second without a picture');
});

t.test('output that stops is missed, also of one kind only', async (t) => {
  const clock = new FakeClock();
  const input = await waiting(clock);
  t.teardown(() => input.close());
  await clock.advance(60_000);
  t.equal(input.stalled, false, 'nothing was sent yet');
  input.outputReceived('video');
  input.outputReceived('audio');
  for (let second = 0; second < 4; second++) {
    await clock.advance(1_000);
    input.outputReceived('audio');
  }
  t.equal(input.stalled, false);
  await clock.advance(100);
  t.equal(input.stalled, true);
});

t.test('an input that is not started frees its ports', async (t) => {
  const pairs = new PortPairs();
  const input = await RtpInput.open({
    source: { send: () => Promise.reject(new Error('never')) },
    has: { video: 'h264', audio: true },
    frameRate: 30,
    pairs,
    clock: new FakeClock(),
  });
  const pipe = new PassThrough();
  input.attach(pipe);
  t.match(String(pipe.read()), /m=video/);
  t.equal(pairs.size, 2);
  const flowing = input.startSource();
  input.close();
  input.close();
  t.equal(await flowing, undefined);
  t.equal(pairs.size, 0);
});

t.test('the plan of a ladder over RTP has its inputs', async (t) => {
  const ladder = chooseLadder({
    video: { codec: 'vp8', width: 1280, height: 720, frameRate: 30 },
    audio: { codec: 'opus', channels: 2 },
    rungs: DEFAULT_LADDER,
    audioBitrateBps: 128_000,
    passthrough: false,
    shed: new Set(),
  });
  const plan = ffmpegPlan({
    ladder,
    input: { kind: 'rtp', frameRate: 30 },
    encoder: SOFTWARE,
    segmentDurationS: 2,
    maxPixels: 9_437_184,
    url: (id) => `unix:/run/${id}`,
  });
  t.match(plan.complexFilter, /^\[0:v:0\]trim=start=5,fps=30,split=4/);
  t.match(
    plan.complexFilter,
    /scale=1280:720:[^,]*force_original_aspect_ratio=decrease[^,]*,pad=1280:720:-1:-1/,
  );
  const options = plan.inputOptions.join(' ');
  t.match(options, /-localaddr 127\.0\.0\.1/, 'not reachable from the network');
  t.match(options, /-protocol_whitelist pipe,udp,rtp /);
  t.match(options, /-max_pixels 10027008 /);
  t.notMatch(options, /-copyts/, 'media time begins with the first packet');
  t.match(plan.outputs.at(-1)?.options.join(' '), /-af aresample=async=1000:min_hard_comp=0\.05/);
});

t.test('the plan of a WebRTC rendition has its outputs', async (t) => {
  const request = {
    video: { codec: 'h264', width: 1920, height: 1080, frameRate: 60 },
    audio: true,
    input: { kind: 'tags', container: 'flv' },
    destination: { videoPort: 30_000, audioPort: 30_002 },
    lines: 720,
    encoder: SOFTWARE,
    maxPixels: 9_437_184,
    originMs: 1_700_000_000_000,
    from: 12_345,
  } as const;
  const encoded = webrtcRenditionPlan(request);
  t.match(encoded.inputOptions.join(' '), /-max_pixels 10027008 .*-f flv/);
  const [video = '', audio = ''] = encoded.outputs.map(({ options }) => options.join(' '));
  t.match(encoded.outputs[0]?.url, /^rtp:\/\/127\.0\.0\.1:30000\?pkt_size=1200&rtcpport=30001&/);
  t.match(video, /-vf trim=start=12\.345,scale=1280:720/);
  t.match(video, /-tune zerolatency -profile:v baseline .*-f rtp -payload_type 96$/);
  t.match(audio, /-c:a libopus .*-frame_duration 20 .*-payload_type 97$/);
  for (const options of [video, audio]) t.match(options, /-start_time_realtime 1700000000000000 /);
  const small = webrtcRenditionPlan({ ...request, video: { codec: 'hevc', width: 426, height: 240 } });
  t.match(small.outputs[0]?.options.join(' '), /scale=426:240/, 'never larger than it is');
  const fast = webrtcRenditionPlan({ ...request, video: { ...request.video, frameRate: 120 } });
  t.match(fast.outputs[0]?.options.join(' '), /select='not\(mod\(n,2\)\)'/);
  const alone = webrtcRenditionPlan({ ...request, video: undefined });
  t.equal(alone.outputs.length, 1);
  t.match(alone.outputs[0]?.options.join(' '), /libopus/, 'audio alone beside video that is passed through');
  t.equal(webrtcRenditionPlan({ ...request, destination: { audioPort: 30_002 } }).outputs.length, 1);
});
