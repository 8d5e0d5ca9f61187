import t from 'tap';
import { ANONYMOUS } from '../../src/accounts/index.js';
import {
  account,
  FakeAudienceClient,
  openAudienceFixture,
  viewerRequest,
} from '../support/fixtures/audience-fixture.js';

const LIMIT = 50;
const FULL = { status: 503, code: 'viewer_limit_reached' };

t.test('an address that fills a livestream with mere joins does not block other addresses', async (t) => {
  const { audience, livestream } = await openAudienceFixture(t);
  const streamId = await livestream({ viewerLimit: LIMIT });
  let joined = 0;
  for (let i = 0; i < 60; i++)
    await audience.join(ANONYMOUS, viewerRequest(streamId, { address: `2001:db8::${i}` })).then(
      () => joined++,
      () => {},
    );
  t.equal(joined, 45, 'the last tenth is for other addresses');
  for (let i = 0; i < 40; i++) {
    const address = `192.0.2.${i}`;
    const { token } = await audience.join(ANONYMOUS, viewerRequest(streamId, { address }));
    audience.recordActivity(streamId, token, 'hls');
  }
  t.equal(audience.viewers(streamId).total, LIMIT);
  t.equal(audience.viewers(streamId).byProtocol.hls, 40, 'a watching viewer is admitted');
});

t.test(
  'an address that plays on all its places leaves a tenth of the limit to other addresses',
  async (t) => {
    const { audience, livestream } = await openAudienceFixture(t);
    const streamId = await livestream({ viewerLimit: LIMIT });
    const play = async (address: string): Promise<void> => {
      const { token } = await audience.admit(viewerRequest(streamId, { address }));
      audience.recordActivity(streamId, token, 'll-hls');
    };
    for (let i = 0; i < 45; i++) await play('198.51.100.7');
    await t.rejects(play('198.51.100.7'), FULL);
    for (let i = 0; i < 5; i++) await play(`192.0.2.${i}`);
    await t.rejects(play('192.0.2.9'), FULL, 'watching viewers are not displaced');
    t.equal(audience.viewers(streamId).byProtocol['ll-hls'], LIMIT);
  },
);

t.test('accounts behind one address have one share each', async (t) => {
  const { audience, livestream } = await openAudienceFixture(t);
  const streamId = await livestream({ viewerLimit: LIMIT });
  for (let i = 0; i < LIMIT; i++) await audience.join(account(`pupil${i}`), viewerRequest(streamId));
  t.equal(audience.viewers(streamId).total, LIMIT);
  await t.rejects(
    audience.join(account('late'), viewerRequest(streamId)),
    FULL,
    'no account has more than one',
  );
});

t.test('a viewer with a socket is displaced only if its address exceeds its share', async (t) => {
  const { audience, livestream, join } = await openAudienceFixture(t);
  const streamId = await livestream({ viewerLimit: 20 });
  const sockets = Array.from({ length: 18 }, () => new FakeAudienceClient());
  for (const socket of sockets) await join(socket, streamId);
  await t.rejects(join(new FakeAudienceClient(), streamId), FULL, 'the last tenth');
  for (let i = 0; i < 10; i++)
    await audience.join(ANONYMOUS, viewerRequest(streamId, { address: '198.51.100.7' }));
  t.equal(audience.viewers(streamId).total, 20);
  t.notOk(
    sockets.some(({ received }) => received.some(([event]) => event === 'livestream:dismissed')),
    'sockets are kept',
  );
  await t.rejects(audience.join(ANONYMOUS, viewerRequest(streamId, { address: '198.51.100.7' })), FULL);
});

t.test(
  'a connection counts when established, and frees its place at once when abandoned before',
  async (t) => {
    const { audience, livestream } = await openAudienceFixture(t);
    const streamId = await livestream({ viewerLimit: 2 });
    let establish: () => void = () => {};
    const established = new Promise<void>((resolve) => {
      establish = resolve;
    });
    const never = new Promise<void>(() => {});
    const release = (await audience.admit(viewerRequest(streamId))).hold('whep', undefined, established);
    const abandon = (await audience.admit(viewerRequest(streamId))).hold('whep', undefined, never);
    t.equal(audience.viewers(streamId).total, 0);
    await t.rejects(audience.admit(viewerRequest(streamId)), FULL, 'both have a place');
    abandon();
    (await audience.admit(viewerRequest(streamId))).withdraw();
    establish();
    await established;
    t.strictSame(audience.viewers(streamId), {
      total: 1,
      byProtocol: { whep: 1, 'll-hls': 0, hls: 0, dash: 0 },
    });
    release();
    t.equal(audience.viewers(streamId).total, 0);
  },
);

t.test('a connection that is not established within ten seconds keeps no place', async (t) => {
  const { audience, clock, livestream } = await openAudienceFixture(t);
  const streamId = await livestream({ viewerLimit: 1 });
  (await audience.admit(viewerRequest(streamId))).hold('whep', undefined, new Promise<void>(() => {}));
  await t.rejects(audience.admit(viewerRequest(streamId)), FULL);
  await clock.advance(11_000);
  await audience.admit(viewerRequest(streamId));
});

t.test('a viewer that stopped playing and keeps a socket can be displaced', async (t) => {
  const { audience, clock, livestream, join } = await openAudienceFixture(t);
  const streamId = await livestream({ viewerLimit: 20 });
  for (let i = 0; i < 18; i++) {
    const socket = new FakeAudienceClient();
    await join(socket, streamId);
    (await audience.admitClient(socket, streamId)).hold('whep')();
  }
  const play = async (address: string): Promise<void> => {
    const { token } = await audience.admit(viewerRequest(streamId, { address }));
    audience.recordActivity(streamId, token, 'hls');
  };
  for (let i = 0; i < 2; i++) await play('198.51.100.7');
  await t.rejects(play('198.51.100.7'), FULL, 'both watched a moment ago');
  await clock.advance(15_000);
  for (let i = 0; i < 5; i++) await play('198.51.100.8');
  t.equal(audience.viewers(streamId).total, 20);
});
