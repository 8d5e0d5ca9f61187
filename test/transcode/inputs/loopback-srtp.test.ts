import { spawn } from 'node:child_process';
import { once } from 'node:events';
import t, { type Test } from 'tap';
import { newSrtpKey, SRTP_SUITE } from '../../../src/media/index.js';
import { findFfmpeg } from '../../../src/transcode/ffmpeg/ffmpeg-check.js';
import { startFfmpeg } from '../../../src/transcode/ffmpeg/ffmpeg-process.js';
import { LoopbackRtcp } from '../../../src/transcode/inputs/loopback-rtcp.js';
import { PortPairs } from '../../../src/transcode/inputs/port-pairs.js';
import { sessionDescription } from '../../../src/transcode/inputs/rtp-session.js';

/** Starts an ffmpeg that ends with its first picture. @returns whether it has, while a sender sent for three seconds */
async function decodes(t: Test, senderKey: string | undefined): Promise<boolean> {
  const port = await new PortPairs().take();
  const srtpKey = newSrtpKey();
  const ffmpeg = startFfmpeg(await findFfmpeg(undefined, { PATH: process.env.PATH }), {
    inputOptions: [
      ...['-v', 'error', '-protocol_whitelist', 'pipe,udp,rtp', '-localaddr', '127.0.0.1'],
      ...['-analyzeduration', '300000', '-f', 'sdp'],
    ],
    complexFilter: undefined,
    outputs: [{ url: '-', options: ['-frames:v', '1', '-f', 'null'] }],
  });
  t.teardown(() => ffmpeg.kill());
  ffmpeg.input?.end(sessionDescription({ srtpKey, video: { codec: 'h264', port } }));
  const line = new LoopbackRtcp(port + 1, srtpKey);
  t.teardown(() => line.close());
  while (!(await line.answers())) await new Promise((resolve) => setTimeout(resolve, 20));
  const key = senderKey ?? srtpKey;
  const protection = key === '' ? [] : ['-srtp_out_suite', SRTP_SUITE, '-srtp_out_params', key];
  const sender = spawn(
    'ffmpeg',
    [
      ...['-v', 'error', '-nostdin', '-re', '-f', 'lavfi', '-i', 'testsrc2=size=320x180:rate=30', '-t', '3'],
      ...[
        '-pix_fmt',
        'yuv420p',
        '-c:v',
        'libx264',
        '-preset',
        'ultrafast',
        '-g',
        '10',
        '-bsf:v',
        'dump_extra',
      ],
      ...['-f', 'rtp', '-payload_type', '96', ...protection],
      `${key === '' ? 'rtp' : 'srtp'}://127.0.0.1:${port}?pkt_size=1200`,
    ],
    { stdio: 'ignore' },
  );
  t.teardown(() => sender.kill('SIGKILL'));
  const sent = once(sender, 'exit').then(() => false);
  return Promise.race([sent, ffmpeg.exited.then(({ clean }) => clean)]);
}

t.test('an encoder accepts packets of the sender with its key and no others', async (t) => {
  t.equal(await decodes(t, undefined), true, 'the key of the description');
  t.equal(await decodes(t, ''), false, 'plain RTP');
  t.equal(await decodes(t, newSrtpKey()), false, 'another key');
});
