import t from 'tap';
import { WebSocketClient } from '../../support/clients/websocket-client.js';
import { OPERATOR_TOKEN, startGatewayProcess } from '../../support/gateway/gateway-process.js';
import { publish, testMedia } from '../../support/media/encoder.js';
import {
  addTarget,
  RESTREAM_SETTINGS,
  rtmpServerOf,
  untilTarget,
} from '../../support/restreams/restream-targets.js';
import { until } from '../../support/until.js';

t.test(
  'a broadcast sent on by RTMP is switched while live and survives the death of its target',
  async (t) => {
    const [source, receiver] = await Promise.all([
      startGatewayProcess(t, RESTREAM_SETTINGS),
      startGatewayProcess(t, RESTREAM_SETTINGS),
    ]);
    const [sent, received] = await Promise.all([source.createLivestream(), receiver.createLivestream()]);
    const { streamKey: key } = received;
    const url = rtmpServerOf(receiver);
    const target = await addTarget(source, sent, { name: 'Other', url, key });
    t.match(target, { url, key: `…${key.slice(-4)}`, status: { state: 'idle' } });
    const socket = new WebSocketClient(t, Number(new URL(source.http).port), '/ws', {
      Authorization: `Bearer ${OPERATOR_TOKEN}`,
    });
    socket.send('restream:watch', { streamId: sent.streamId }, 'watch');
    t.match(await socket.next('ok'), { data: { targets: [{ id: target.id, state: 'idle' }] } });

    publish(t, await testMedia(60), sent.rtmp);
    type Source = { protocol: string; video?: { bFrames?: boolean }; audio?: object };
    const seen = await until('sound and picture are received', async () => {
      const at = `/${received.streamId}`;
      const { stream } = await receiver.api<{ stream: { source?: Source } }>('GET', at);
      return stream.source?.audio && stream.source.video?.bFrames !== undefined && stream.source;
    });
    const video = { codec: 'h264', width: 640, bFrames: true };
    t.match(seen, { protocol: 'rtmp', video, audio: { codec: 'aac' } }, 'nothing was encoded');
    const live = await untilTarget(source, sent, 'the bitrate is measured', ({ status }) => {
      return Number(status.bitrateBps) > 100_000 && Number(status.bitrateBps) < 5_000_000;
    });
    t.match(live.status, { state: 'live', error: null, streamId: sent.streamId });
    await until('the socket tells the bitrate', () =>
      socket.received.some(({ event, data }) => event === 'restream:status' && Number(data.bitrateBps) > 0),
    );

    const isReceived = async (): Promise<boolean> =>
      ['starting', 'live'].includes(await receiver.state(received.streamId));
    const path = `/${sent.streamId}/restream-targets/${target.id}`;
    await source.api('PATCH', path, { enabled: false });
    await until('the output has ended', async () => !(await isReceived()));
    await source.api('PATCH', path, { enabled: true });
    await until('the output is back', isReceived);

    await receiver.kill('SIGKILL');
    const failing = await untilTarget(
      source,
      sent,
      'the output fails',
      ({ status }) => status.state === 'failing',
    );
    t.match(failing.status, { error: /^The target/ });
    await receiver.start();
    await until('the output has reconnected', isReceived);
    t.equal(await source.state(sent.streamId), 'live', 'the broadcast went on');
    t.notOk(source.output.includes(key), 'no log line has the key');

    const own = await source.createLivestream();
    const loop = { name: 'Own key', url: 'rtmp://relay.example/live', key: own.streamKey };
    await t.rejects(addTarget(source, sent, loop), { message: /restream_loop/ });
  },
);
