import t from 'tap';
import { type Livestream, startGatewayProcess } from '../../support/gateway/gateway-process.js';
import { publish, testMedia } from '../../support/media/encoder.js';
import { createCertificate } from '../../support/restreams/certificate.js';
import { startFfmpegServer } from '../../support/restreams/ffmpeg-server.js';
import {
  addTarget,
  RESTREAM_SETTINGS,
  rtmpServerOf,
  untilTarget,
} from '../../support/restreams/restream-targets.js';
import { until } from '../../support/until.js';

t.test(
  'a broadcast by RTMP is sent on by RTMPS, WHIP and SRT, and one by WHIP is encoded for RTMP',
  async (t) => {
    const { certFile, keyFile } = await createCertificate(t);
    const tls = { RTMPS_PORT: '0', TLS_CERT: certFile, TLS_KEY: keyFile };
    const [source, receiver, srt, rtmp] = await Promise.all([
      startGatewayProcess(t, { ...RESTREAM_SETTINGS, NODE_EXTRA_CA_CERTS: certFile }),
      startGatewayProcess(t, { ...RESTREAM_SETTINGS, ...tls }),
      startFfmpegServer(t, 'srt'),
      startFfmpegServer(t, 'flv'),
    ]);
    const [sent, back] = [await source.createLivestream(), await source.createLivestream()];
    const [byWhip, byRtmps] = [await receiver.createLivestream(), await receiver.createLivestream()];
    const { rtmps } = receiver.log.find(({ msg }) => msg === 'ready') as unknown as {
      rtmps: { port: number };
    };
    const whip = `${receiver.http}/whip`;
    for (const target of [
      { name: 'WHIP', url: whip, key: byWhip.streamKey },
      { name: 'Wrong key', url: whip, key: 'live_wrong' },
      { name: 'RTMPS', url: `rtmps://localhost:${rtmps.port}/live`, key: byRtmps.streamKey },
      { name: 'SRT', url: srt.url, passphrase: srt.passphrase },
    ])
      await addTarget(source, sent, target);
    await addTarget(receiver, byWhip, { name: 'Encoded', url: rtmp.url });
    await addTarget(receiver, byWhip, { name: 'Back', url: rtmpServerOf(source), key: back.streamKey });

    publish(t, await testMedia(60, { bFrames: 0 }), sent.rtmp);
    const isReceived = async ({ streamId }: Livestream, expected: object): Promise<boolean> => {
      const { stream } = await receiver.api<{ stream: { source?: object } }>('GET', `/${streamId}`);
      const seen = JSON.stringify(stream.source ?? {});
      return Object.entries(expected).every(([name, value]) =>
        seen.includes(`"${name}":${JSON.stringify(value)}`),
      );
    };
    await until('RTMPS is received', () =>
      isReceived(byRtmps, { protocol: 'rtmps', width: 640, codec: 'aac' }),
    );
    await until('WHIP is received', () =>
      isReceived(byWhip, { protocol: 'whip', width: 640, codec: 'opus' }),
    );
    await untilTarget(source, sent, 'the bitrate of WHIP is measured', ({ name, status }) => {
      return name === 'WHIP' && status.state === 'live' && Number(status.bitrateBps) > 50_000;
    });
    await untilTarget(source, sent, 'the wrong key is told', ({ name, status }) => {
      return name === 'Wrong key' && status.errorCode === 'key_refused' && /the key/.test(status.error ?? '');
    });
    const { viewers } = await source.api<{ viewers: { total: number } }>('GET', `/${sent.streamId}/viewers`);
    t.equal(viewers.total, 0, 'outputs are no viewers');
    await untilTarget(receiver, byWhip, 'a loop is found over WHIP too', ({ name, status }) => {
      return name === 'Back' && /comes from this server itself/.test(status.error ?? '');
    });
    t.match(await srt.tracks(), [{ codec_name: 'h264', width: 640 }, { codec_name: 'aac' }]);
    t.match(await rtmp.tracks(), [
      { codec_name: 'h264', profile: 'Constrained Baseline' },
      { codec_name: 'aac' },
    ]);
  },
);
