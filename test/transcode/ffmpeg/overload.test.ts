import t from 'tap';
import { slowFfmpeg } from '../../support/fakes/slow-ffmpeg.js';
import {
  loopedMedia,
  publishInRealTime,
  startTranscoderFixture,
  untilRenditionHas,
  untilReplaced,
} from '../../support/fixtures/transcoder-fixture.js';

t.test('an overloaded machine sheds the most expensive rendition and continues', async (t) => {
  const made = await loopedMedia(t);
  // Two encoded renditions are too much, one is not.
  const ffmpegPath = slowFfmpeg(t.testdir(), '[v1]', 0.7);
  const { broadcast, subscription, lines } = await startTranscoderFixture(t, { ffmpegPath });
  const { source } = publishInRealTime(t, subscription, made);
  await broadcast.until(() => broadcast.notices.get('shed'), 40_000);
  t.match(broadcast.notices.get('shed'), /too slow.*240p/);
  await untilReplaced(broadcast, 0, '180p');
  await untilRenditionHas(broadcast, 0, '180p', 1);
  t.strictSame(broadcast.runs[0]?.renditionsEnded, ['240p']);
  t.equal(broadcast.runs.length, 1, 'the run goes on with the other renditions');
  t.match(
    lines().find(({ msg }) => msg === 'the encoder is too slow'),
    { level: 40, shed: ['240p'] },
  );
  source.end('publisher-left');
  await subscription.broadcastEnded('grace-expired');
});
