import t from 'tap';
import { whip } from '../../support/publishers/whip-fixture.js';

t.test('a source of which nothing can be played is refused, and faults of others are notices', async (t) => {
  const { post, pool, publications, ask } = await whip(t);
  const { location } = (await post()).headers;
  const [peer] = pool.publishers;
  const [publication] = publications;
  peer?.faults(['audio-missing', 'no-keyframe']);
  t.match([...publication!.notices.values()], [/^No audio comes/, /^No keyframe has come/]);
  peer?.faults(['video-stopped']);
  t.match([...publication!.notices.values()], [/^The video has stopped/]);
  peer?.faults([]);
  t.equal(publication?.notices.size, 0);
  t.strictSame(publication?.ends, []);
  peer?.faults(['no-media']);
  t.strictSame(publication?.ends, ['protocol-error']);
  await peer?.closed;
  const answer = await ask({ method: 'DELETE', url: String(location) });
  t.match(answer.json(), { error: { code: 'media_not_playable', message: /choose a camera/ } });
});
