import t from 'tap';
import { announceBroadcasts } from '../../../src/gateway/broadcast-events.js';
import type { WebhookEvent } from '../../../src/webhooks/index.js';
import { openLivestreamApi } from '../../support/fixtures/livestream-api-fixture.js';
import { recordLog } from '../../support/fixtures/log-record.js';
import { until } from '../../support/until.js';

t.test('webhooks are told of a private test only when its broadcast becomes public', async (t) => {
  const { livestreams, streams, create, publish } = await openLivestreamApi(t);
  const told: [WebhookEvent, string][] = [];
  announceBroadcasts({
    ...{ livestreams, streams, log: recordLog().log },
    webhooks: { emit: (event, data) => void told.push([event, data.streamId]) },
  });
  const [tested, other] = [await create(), await create()];
  await livestreams.edit(tested, { isTesting: true });
  await publish(tested);
  await publish(other);
  await until('the other broadcast is told', async () => told.length > 0);
  t.same(told, [['broadcast.live', other]]);

  await livestreams.edit(tested, { title: 'Still a test' });
  await livestreams.edit(tested, { isTesting: false });
  await until('the test is over', async () => told.length > 1);
  await streams.endLivestream(tested, 'ended-by-owner');
  await until('its end is told', async () => told.length > 2);
  t.same(told.slice(1), [
    ['broadcast.live', tested],
    ['broadcast.ended', tested],
  ]);
});
