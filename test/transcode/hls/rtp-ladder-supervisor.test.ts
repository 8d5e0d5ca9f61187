import { readFileSync } from 'node:fs';
import t from 'tap';
import {
  encoderPidsOf,
  isAlive,
  startTimeS,
  startTranscoderFixture,
  untilRenditionHas,
} from '../../support/fixtures/transcoder-fixture.js';
import { publishSource, SMALL, startWhipSource } from '../../support/media/rtp/rtp-source.js';

/** Whether anybody has bound this port of loopback, as an encoder does. Only Linux tells. */
function isListening(port: number): boolean {
  if (process.platform !== 'linux') return false;
  const hexadecimal = port.toString(16).toUpperCase().padStart(4, '0');
  return readFileSync('/proc/net/udp', 'utf8').includes(`0100007F:${hexadecimal} `);
}

t.test('a killed encoder is replaced, and its ports are freed', async (t) => {
  const { broadcast, subscription, lines } = await startTranscoderFixture(t);
  const source = await startWhipSource(t, { codec: 'h264', ...SMALL });
  publishSource(subscription, source);
  await untilRenditionHas(broadcast, 0, '720p', 1);
  const [ports] = source.rtp.outputs;
  process.kill(encoderPidsOf(lines())[0] ?? 0, 'SIGKILL');
  await untilRenditionHas(broadcast, 1, '720p', 1);
  await untilRenditionHas(broadcast, 1, 'audio', 1);
  t.ok(broadcast.runs[0]?.closed);
  t.equal(source.rtp.outputs.size, 1, 'the SFU sends to the new one only');
  t.notOk(isListening(ports?.video ?? 0));
  t.ok((broadcast.runs[1]?.originMs ?? 0) > (broadcast.runs[0]?.originMs ?? 0));
  source.end('publisher-left');
  await subscription.broadcastEnded('grace-expired');
  t.equal(source.rtp.outputs.size, 0);
});

t.test('a hanging encoder is replaced and does not count as failed', async (t) => {
  const { broadcast, subscription, lines } = await startTranscoderFixture(t);
  const source = await startWhipSource(t, { codec: 'vp8', ...SMALL });
  publishSource(subscription, source);
  await untilRenditionHas(broadcast, 0, '720p', 1);
  const [pid = 0] = encoderPidsOf(lines());
  process.kill(pid, 'SIGSTOP');
  await untilRenditionHas(broadcast, 1, '720p', 0.5);
  t.notOk(isAlive(pid));
});

t.test('a sender that pauses begins a new run when it returns', async (t) => {
  const { broadcast, subscription, lines } = await startTranscoderFixture(t);
  const source = await startWhipSource(t, { codec: 'vp8', ...SMALL });
  publishSource(subscription, source);
  await untilRenditionHas(broadcast, 0, '720p', 1);
  source.rtp.stop();
  await broadcast.until(() => broadcast.runs[0]?.closed);
  t.equal(broadcast.runs.length, 1, 'no run is opened for nothing');
  await broadcast.until(() => source.rtp.outputs.size === 1);
  await source.rtp.start({ codec: 'vp8', ...SMALL });
  await untilRenditionHas(broadcast, 1, '720p', 1);
  const found = await untilRenditionHas(broadcast, 1, 'audio', 1);
  t.ok(startTimeS(found) < 11, 'that begins at its beginning');
  t.equal(lines().filter(({ msg }) => msg === 'the encoder failed').length, 0);
});

t.test('a publication that ends before any output leaves nothing', async (t) => {
  const { broadcast, subscription } = await startTranscoderFixture(t);
  const source = await startWhipSource(t, { codec: 'vp8', ...SMALL });
  source.rtp.muted = { video: true, audio: true };
  publishSource(subscription, source);
  await broadcast.until(() => source.rtp.outputs.size === 1);
  source.end('publisher-lost');
  await subscription.broadcastEnded('never-started');
  t.equal(broadcast.runs.length, 0);
  t.equal(source.rtp.outputs.size, 0);
});

t.test('a new publisher takes over from one of another protocol', async (t) => {
  const { broadcast, subscription } = await startTranscoderFixture(t);
  const source = await startWhipSource(t, { codec: 'vp8', ...SMALL });
  publishSource(subscription, source);
  await untilRenditionHas(broadcast, 0, '720p', 1);
  source.end('replaced');
  const next = await startWhipSource(t, { codec: 'h264', ...SMALL });
  publishSource(subscription, next);
  await untilRenditionHas(broadcast, 1, '720p', 0.5);
  t.ok((broadcast.runs[1]?.openedAt ?? 0) >= (broadcast.runs[0]?.closedAt ?? 0), 'one after the other');
});

t.test('a codec that ffmpeg cannot decode gives no HLS and does not end the broadcast', async (t) => {
  const { broadcast, subscription, lines } = await startTranscoderFixture(t);
  const readable = lines().find(({ msg }) => msg === 'transcoder ready')?.rtpCodecs;
  if (Array.isArray(readable) && readable.includes('av1')) {
    t.pass('this ffmpeg reads AV1');
    return;
  }
  const source = await startWhipSource(t, { codec: 'vp8', ...SMALL });
  source.info = { ...source.info, video: { codec: 'av1', ...SMALL } };
  publishSource(subscription, source);
  await broadcast.until(() => broadcast.notices.get('hls'));
  t.match(broadcast.notices.get('hls'), /cannot read AV1.*no HLS/);
  t.ok(broadcast.isPlayable, 'WebRTC viewers can watch it');
  t.match(
    lines().find(({ codec }) => codec === 'av1'),
    { level: 40, msg: /cannot read the codec/ },
  );
  t.equal(broadcast.failed, undefined);
  source.info = { ...source.info, video: { codec: 'vp8', ...SMALL } };
  source.restart(Date.now(), { audio: true, video: true });
  await untilRenditionHas(broadcast, 0, '720p', 0.5);
  t.notOk(broadcast.notices.has('hls'), 'a codec that can be read makes it good');
});

t.test('an SFU that cannot send is requested again', async (t) => {
  const { broadcast, subscription, lines } = await startTranscoderFixture(t);
  const source = await startWhipSource(t, { codec: 'vp8', ...SMALL });
  source.rtp.failure = new Error('the worker has died');
  publishSource(subscription, source);
  await broadcast.until(() => lines().some(({ reason }) => String(reason).startsWith('the worker has died')));
  source.rtp.failure = undefined;
  await untilRenditionHas(broadcast, 0, '720p', 0.5);
  t.equal(broadcast.failed, undefined);
});
