import path from 'node:path';
import t from 'tap';
import { openChromium } from '../../../support/clients/chromium.js';
import { openPage } from '../../../support/clients/pages.js';
import { publishFromPage, stopPublishing } from '../../../support/clients/whip-page.js';
import { startGatewayProcess } from '../../../support/gateway/gateway-process.js';
import { run } from '../../../support/media/encoder.js';
import { flashToBeep } from '../../../support/media/flash-and-beep.js';
import { LossyRelay } from '../../../support/media/rtp/lossy-relay.js';
import { until } from '../../../support/until.js';

/** Largest offset of audio against video, s. */
const LIP_SYNC_S = 0.06;

const browser = await openChromium(t, { webrtc: true });
const gateway = await startGatewayProcess(t);

t.test('AV1 published by WHIP over a lossy network plays in sync by HLS', async (t) => {
  const relay = await LossyRelay.open(t, gateway.webrtcPort, 0.03);
  const livestream = await gateway.createLivestream();
  const camera = await openPage(t, browser);
  await relay.routePage(camera);
  await publishFromPage(camera, gateway, livestream.streamKey, { codec: 'video/AV1' });
  await gateway.untilLive(livestream);
  const recording = path.join(t.testdir(), 'recording.mp4');
  await run('ffmpeg', ['-v', 'error', '-i', livestream.hls, '-t', '8', '-c', 'copy', recording]);
  const { stream } = await gateway.api<{ stream: { source: object } }>('GET', `/${livestream.streamId}`);
  t.match(stream.source, {
    protocol: 'whip',
    video: { codec: 'av1', width: 640, height: 360 },
    audio: { codec: 'opus' },
  });
  t.ok(relay.lost > 20, `${relay.lost} packets were lost`);
  const offsets = (await flashToBeep(recording)).toSorted((a, b) => a - b);
  t.ok(offsets.length >= 5, `${offsets.length} flashes and beeps`);
  const middle = offsets[offsets.length >> 1] ?? Number.NaN;
  t.ok(Math.abs(middle) < LIP_SYNC_S, `beep ${Math.round(middle * 1000)} ms after the flash`);

  // A takeover by another encoder and its return keep the broadcast.
  const media = async (): Promise<string> => {
    const text = await (await fetch(livestream.hls)).text();
    const [uri = ''] = text.match(/^(?!#)\S+$/m) ?? [];
    return await (await fetch(new URL(uri, livestream.hls))).text();
  };
  const untilContinued = (discontinuities: number): Promise<unknown> =>
    until(
      `discontinuities ${discontinuities}`,
      async () => (await media()).split('#EXT-X-DISCONTINUITY\n').length > discontinuities,
    );
  const other = await openPage(t, browser);
  await publishFromPage(other, gateway, livestream.streamKey, { codec: 'video/AV1' });
  await untilContinued(1);
  t.equal(await stopPublishing(other), 200);
  t.equal(await gateway.state(livestream.streamId), 'reconnecting');
  await until('the encoder has exited', async () => (await gateway.encoderPids()).length === 0);
  await publishFromPage(other, gateway, livestream.streamKey, { codec: 'video/AV1' });
  await untilContinued(2);
  t.strictSame(
    gateway.log.filter(({ msg }) => /failed/.test(msg)),
    [],
  );
});
