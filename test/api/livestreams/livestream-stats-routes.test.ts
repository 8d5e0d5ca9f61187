import t from 'tap';
import { openLivestreamApi } from '../../support/fixtures/livestream-api-fixture.js';
import { until } from '../../support/until.js';

t.test('stats have the measured values of a broadcast, and null for unknown ones', async (t) => {
  const viewers = { total: 5, byProtocol: { whep: 2, hls: 3 } };
  const { app, create, publish, livestreams, clock } = await openLivestreamApi(t, { viewers: () => viewers });
  const streamId = await create();
  const stats = async () => (await app.inject(`/api/livestream/${streamId}/stats`)).json().stats;
  const unknownValues = {
    bitrate: null,
    fps: null,
    resolution: null,
    keyframeInterval: null,
    droppedFrames: null,
  };
  t.same(await stats(), {
    streamId,
    state: { name: 'offline' },
    uptime: null,
    ...unknownValues,
    viewers,
    source: null,
    notices: [],
  });

  const { publication } = await publish(streamId);
  await until('the stored status is live', async () => (await livestreams.find(streamId))?.status === 'live');
  t.match(await stats(), {
    state: { name: 'live' },
    uptime: 0,
    ...unknownValues,
    source: { protocol: 'rtmp' },
  });
  const video = { codec: 'h264', width: 1280, height: 720, frameRate: 29.97, bitrate: 2_000_000 } as const;
  publication.describe({
    encoder: 'OBS',
    video: { ...video, keyframeInterval: 2 },
    audio: { codec: 'aac', bitrate: 128_000 },
  });
  await clock.advance(90_000);
  t.match(await stats(), {
    uptime: 90,
    bitrate: 2_128_000,
    fps: 29.97,
    resolution: { width: 1280, height: 720 },
    keyframeInterval: 2,
    source: { encoder: 'OBS', video },
  });

  publication.close('publisher-lost');
  t.match(await stats(), { state: { name: 'reconnecting' }, uptime: 90, bitrate: null, fps: null });
});
