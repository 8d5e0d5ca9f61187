import t from 'tap';
import { ANONYMOUS, type Principal } from '../../src/accounts/index.js';
import { newId } from '../../src/platform/index.js';
import type { OutputStatus, RestreamTarget } from '../../src/restreams/index.js';
import type { StatusListener } from '../../src/restreams/restreams.js';
import { statusFeature } from '../../src/restreams/status-feature.js';
import type { Livestream } from '../../src/streams/index.js';
import { FakeSocketHub } from '../support/fakes/fake-socket-hub.js';

const STATUS: OutputStatus = {
  ...{
    state: 'live',
    since: new Date(0),
    error: null,
    errorCode: null,
    bitrateBps: 5,
    droppedFrames: 0,
    streamId: null,
  },
};
const TARGET = { id: newId(), name: 'Other', status: STATUS } as RestreamTarget;

function account(userId: string, role: 'broadcaster' | 'admin' = 'broadcaster'): Principal {
  return { kind: 'account', userId, name: userId, role } as Principal;
}

t.test('only those who may manage a livestream get its statuses, until they leave', async (t) => {
  const hub = new FakeSocketHub();
  const streamId = newId();
  const livestream = { id: streamId, userId: 'owner', visibility: 'private' } as Livestream;
  let tell: StatusListener = () => {};
  const { events } = statusFeature({
    restreams: {
      listForStream: async () => [TARGET],
      onStatus: (listener) => {
        tell = listener;
      },
    },
    livestreams: {
      find: async (id) => (id === streamId ? livestream : undefined),
      invitees: { has: async (_streamId: string, userId: string) => userId === 'invitee' } as never,
    },
    hub,
  });
  const watch = async (principal: Principal, data: Record<string, unknown> = { streamId }) => {
    const client = hub.client(principal);
    return { client, answer: await events['restream:watch']?.(client, data) };
  };
  const { client, answer } = await watch(account('owner'));
  t.match(answer, { data: { streamId, targets: [{ id: TARGET.id, state: 'live', bitrateBps: 5 }] } });
  t.match((await watch(account('boss', 'admin'))).answer, { data: { streamId } });
  await t.rejects(watch(account('invitee')), { status: 403, code: 'not_allowed' });
  for (const principal of [ANONYMOUS, account('somebody')])
    await t.rejects(watch(principal), { code: 'stream_not_found' });
  for (const id of [newId(), 'no-uuid'])
    await t.rejects(watch(account('owner'), { streamId: id }), { code: 'stream_not_found' });
  await t.rejects(watch(account('owner'), {}), { code: 'message_invalid' });

  tell(streamId, TARGET.id, { ...STATUS, state: 'failing', error: 'no', errorCode: 'closed' });
  t.match(client.received, [
    { event: 'restream:status', data: { streamId, targetId: TARGET.id, error: 'no', errorCode: 'closed' } },
  ]);
  await events['restream:unwatch']?.(client, { streamId });
  tell(streamId, TARGET.id, STATUS);
  t.equal(client.received.length, 1);
});
