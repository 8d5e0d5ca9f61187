import t from 'tap';
import { ANONYMOUS } from '../../src/accounts/index.js';
import { account, audienceStage, knock, SocketDouble } from '../support/audience-stage.js';

t.test('who was let in counts when they watch, and has left after 15 seconds of silence', async (t) => {
  const { audience, clock, livestream, rows } = await audienceStage(t);
  const streamId = await livestream();
  const { token } = await audience.admit(knock(streamId));
  t.equal(audience.viewers(streamId).total, 0, 'a playlist alone is nobody who watches');
  const joinedAt = clock.now();
  t.equal(audience.seen(streamId, token, 'hls'), 'everybody');
  t.strictSame(audience.viewers(streamId), { total: 1, byProtocol: { whep: 0, 'll-hls': 0, hls: 1 } });
  await clock.advance(14_000);
  t.equal(audience.seen(streamId, token, 'll-hls'), 'everybody');
  await clock.advance(14_000);
  t.strictSame(audience.viewers(streamId).byProtocol, { whep: 0, 'll-hls': 1, hls: 0 });
  await clock.advance(1_000);
  t.equal(audience.viewers(streamId).total, 0);
  t.match(await rows(streamId), [
    {
      joined_at: new Date(joinedAt),
      left_at: new Date(joinedAt + 14_000),
      protocol: 'll-hls',
      user_id: null,
    },
  ]);
  await audience.close();
});
void [account, SocketDouble, ANONYMOUS];
