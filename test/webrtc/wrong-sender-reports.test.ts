import type { Socket } from 'node:dgram';
import t, { type Test } from 'tap';
import { readSenderReport, senderReport } from '../../src/media/index.js';
import type { RtpSource } from '../../src/streams/index.js';
import type { WebrtcPool } from '../../src/webrtc/index.js';
import type { RtcPeer } from '../support/clients/rtc-peers.js';
import { FakeSource } from '../support/fakes/fake-broadcast.js';
import { recordLog } from '../support/fixtures/log-record.js';
import { startTranscoderFixture, untilLongRenditionHas } from '../support/fixtures/transcoder-fixture.js';
import { AUDIO, connectPublisher, startWebrtcPool, VIDEO } from '../support/gateway/webrtc-pool.js';
import { flashesAndBeeps } from '../support/media/flashes-and-beeps.js';
import { bindUdp } from '../support/media/rtp/rtp-receiver.js';
import { RtpSender } from '../support/media/rtp/rtp-source.js';

const STREAMS = { video: { ...VIDEO, clockRate: 90_000 }, audio: { ...AUDIO, clockRate: 48_000 } } as const;
const MEDIA_SOURCE_ID = 'source';
const MARKER = 0x80;
const REPORT_MS = 1000;
/** Largest skew of flash and beep, s: a frame lasts 33 ms, and arrival is less exact than reports. */
const LIP_SYNC_S = 0.1;

/** Publishes media of a real encoder, with sender reports whose timestamps run at `rate` times the media's rate. */
async function publishAtReportRate(t: Test, peer: RtcPeer, rate: number): Promise<void> {
  const sender = new RtpSender('h264');
  t.teardown(() => sender.close());
  await sender.start({ codec: 'h264', width: 640, height: 360 });
  const ports: { video?: number; audio?: number } = {};
  const begun = Date.now();
  for (const kind of ['video', 'audio'] as const) {
    const [rtp, rtcp] = await pair(t);
    ports[kind] = rtp.address().port;
    const { payloadType, ssrc, clockRate } = STREAMS[kind];
    let lastReport: { time: number; timestamp: number } | undefined;
    rtp.on('message', (packet) => {
      packet[1] = (packet[1]! & MARKER) | payloadType;
      packet.writeUInt32BE(ssrc, 8);
      peer.send(packet);
    });
    rtcp.on('message', (packet) => {
      lastReport = readSenderReport(packet, 0, packet.length);
    });
    const timer = setInterval(() => {
      if (!lastReport) return;
      const time = Date.now();
      const ms = time - lastReport.time + (time - begun) * (rate - 1);
      const timestamp = (lastReport.timestamp + Math.round((ms * clockRate) / 1000)) >>> 0;
      peer.send(senderReport({ ssrc, time, timestamp, packets: 1, bytes: 1, cname: 'x' }));
    }, REPORT_MS);
    t.teardown(() => clearInterval(timer));
  }
  const sending = await sender.send(ports);
  t.teardown(() => sending.close());
}

/** Binds sockets on two consecutive ports. */
async function pair(t: Test): Promise<[Socket, Socket]> {
  for (;;) {
    const rtp = await bindUdp();
    t.teardown(() => void rtp.close());
    try {
      const rtcp = await bindUdp(rtp.address().port + 1);
      t.teardown(() => void rtcp.close());
      return [rtp, rtcp];
    } catch {}
  }
}

/** Publication of the media source, as by WHIP. */
class WhipSource extends FakeSource {
  override readonly rtp: RtpSource;

  constructor(pool: WebrtcPool) {
    super({
      protocol: 'whip',
      video: { codec: 'h264', width: 640, height: 360 },
      audio: { codec: 'opus', sampleRate: 48_000, channels: 2 },
    });
    this.rtp = {
      mediaSourceId: MEDIA_SOURCE_ID,
      send: ({ video, audio, srtpKey }) =>
        pool.sendRtp({
          mediaSourceId: MEDIA_SOURCE_ID,
          srtpKey,
          ...(video === undefined ? {} : { videoPort: video }),
          ...(audio === undefined ? {} : { audioPort: audio }),
        }),
      sendMatroska: () => Promise.reject(new Error('not used in this test')),
    };
  }
}

t.test('audio and video stay synchronized in HLS when sender reports run at a wrong rate', async (t) => {
  const { log, lines } = recordLog();
  const { pool, peers } = await startWebrtcPool(t, { log });
  const { peer } = await connectPublisher(pool, peers, MEDIA_SOURCE_ID);
  await publishAtReportRate(t, peer, 2);
  await peer.until(() => peer.received.length > 0);
  const { broadcast, subscription } = await startTranscoderFixture(t);
  const source = new WhipSource(pool);
  subscription.publicationStarted?.(source);
  source.restart(Date.now(), { audio: true, video: true });
  const distrustMessages = () => lines().filter(({ msg }) => /sender reports/.test(String(msg)));
  await broadcast.until(() => distrustMessages().length > 0, 30_000);
  await Promise.all(['180p', 'audio'].map((id) => untilLongRenditionHas(broadcast, 0, id, 15)));
  source.end('publisher-left');
  await subscription.broadcastEnded('grace-expired');
  t.equal(broadcast.runs.length, 1, 'one encoder run');
  t.equal(distrustMessages().length, 1, 'logged once');
  t.match(distrustMessages()[0], { msg: /are wrong/ });
  const found = await flashesAndBeeps(t, broadcast.runs[0], '180p');
  t.ok(found.length >= 12, `${found.length} flashes with a beep`);
  for (const { at, offset } of found) t.ok(Math.abs(offset) < LIP_SYNC_S, `at ${at}: ${offset} s`);
});
