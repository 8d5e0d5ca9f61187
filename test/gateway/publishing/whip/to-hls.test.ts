import t from 'tap';
import { openChromium } from '../../../support/clients/chromium.js';
import { openPage } from '../../../support/clients/pages.js';
import { playback, watchByWebrtc } from '../../../support/clients/watch-page.js';
import { publishFromPage, stopPublishing } from '../../../support/clients/whip-page.js';
import { startGatewayProcess } from '../../../support/gateway/gateway-process.js';
import { assertInSync, recordHls } from '../../../support/media/hls-recording.js';

const [browser, gateway] = await Promise.all([openChromium(t, { webrtc: true }), startGatewayProcess(t)]);

for (const codec of ['video/H264', 'video/VP8', 'video/VP9'] as const)
  t.test(`a browser publishes ${codec} by WHIP, watched by WHEP and by HLS`, async (t) => {
    const livestream = await gateway.createLivestream();
    const camera = await openPage(t, browser);
    await publishFromPage(camera, gateway, livestream.streamKey, { codec });
    await gateway.untilLive(livestream);
    const recorded = recordHls(t, livestream, 8);
    const page = await watchByWebrtc(t, browser, livestream);
    t.equal((await playback(page)).webrtc?.codec, codec);
    const { stream } = await gateway.api<{ stream: { source: object } }>('GET', `/${livestream.streamId}`);
    t.match(stream.source, {
      protocol: 'whip',
      video: { codec: codec.slice('video/'.length).toLowerCase(), width: 640, height: 360 },
      audio: { codec: 'opus' },
    });

    await assertInSync(t, await recorded, 5);

    t.equal(await stopPublishing(camera), 200);
    t.equal(await gateway.state(livestream.streamId), 'reconnecting');
  });
