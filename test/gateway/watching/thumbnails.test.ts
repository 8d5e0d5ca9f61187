import t from 'tap';
import { startGatewayProcess } from '../../support/gateway/gateway-process.js';
import { publish, testMedia } from '../../support/media/encoder.js';
import { imageProperties } from '../../support/media/image-properties.js';
import { until } from '../../support/until.js';

/** Thumbnail size: from the rendition of 240 lines. */
const SHAPE = 'mjpeg,426,240,1:1';

t.test(
  'a broadcast without viewers and copied renditions has thumbnails, and no encoder between them',
  async (t) => {
    const gateway = await startGatewayProcess(t, { THUMBNAIL_EVERY: '60', LADDER_IDLE: '60' });
    const { streamId, rtmp } = await gateway.createLivestream();
    publish(t, await testMedia(120, { x264Params: 'slices=1:keyint=15:min-keyint=15' }), rtmp);
    const answer = await until('it has a thumbnail', async () => {
      const got = await fetch(`${gateway.http}/api/livestream/${streamId}/thumbnail`);
      return got.status === 200 && got;
    });
    t.equal(await imageProperties(t, Buffer.from(await answer.arrayBuffer())), SHAPE);
    await until('no encoder runs', async () => (await gateway.encoderPids()).length === 0);
    t.equal(gateway.log.filter(({ msg }) => msg === 'encoder started').length, 1);
  },
);

t.test('the thumbnail of a broadcast follows the video and stays available after the end', async (t) => {
  const gateway = await startGatewayProcess(t, { THUMBNAIL_EVERY: '1' });
  const { streamId, rtmp } = await gateway.createLivestream();
  const encoder = publish(t, await testMedia(40), rtmp);
  type Listed = { streams: { id: string; thumbnailUrl: string | null }[] };
  const listed = async (): Promise<string | undefined> => {
    const { streams } = await gateway.api<Listed>('GET', '/active');
    return streams.find(({ id }) => id === streamId)?.thumbnailUrl ?? undefined;
  };

  const first = await until('the livestream is listed with a thumbnail', listed);
  const { pathname } = new URL(first);
  t.equal(pathname, `/api/livestream/${streamId}/thumbnail`);
  const localUrl = (url: string): string => url.replace('localhost', '127.0.0.1');
  const answer = await fetch(localUrl(first));
  t.equal(answer.status, 200);
  t.equal(answer.headers.get('content-type'), 'image/jpeg');
  t.match(String(answer.headers.get('cache-control')), /^public, max-age/);
  t.equal(await imageProperties(t, Buffer.from(await answer.arrayBuffer())), SHAPE);

  const second = await until('another thumbnail', async () => {
    const now = await listed();
    return now !== first && now;
  });
  const { stream } = await gateway.api<{ stream: { thumbnailUrl: string } }>('GET', `/${streamId}`);
  t.match(stream.thumbnailUrl, /\/thumbnail\?v=[0-9a-f]{16}$/);
  const newest = await fetch(localUrl(second), {
    headers: { 'if-none-match': answer.headers.get('etag') ?? '' },
  });
  t.equal(newest.status, 200, 'the thumbnail has changed');
  t.equal(await imageProperties(t, Buffer.from(await newest.arrayBuffer())), SHAPE);

  await encoder.stop();
  await gateway.api('POST', `/${streamId}/end`);
  const last = await fetch(`${gateway.http}/api/livestream/${streamId}/thumbnail`);
  t.equal(
    await imageProperties(t, Buffer.from(await last.arrayBuffer())),
    SHAPE,
    'the last thumbnail is kept',
  );
});
