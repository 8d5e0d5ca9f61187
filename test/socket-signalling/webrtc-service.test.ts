import t from 'tap';
import {
  KEY,
  OTHER,
  publisherOffer,
  STREAM,
  startSignallingFixture,
  viewerOffer,
} from '../support/fixtures/socket-signalling-fixture.js';

t.test('code in the process uses the event names of the host platform', async (t) => {
  const { service, publications, ended, pool } = await startSignallingFixture(t);
  const broadcast = await service.startBroadcast('ann', { title: 'Hello' });
  t.match(broadcast, { streamId: 'stream-of-ann', streamKey: KEY, iceServers: [{ username: 'ann' }] });
  const publication = await broadcast.answer(publisherOffer, '192.0.2.1');
  t.match(publication.answer, 'a=recvonly');
  t.equal(publications[0]?.publisher?.address, '192.0.2.1');

  const joined = await service.joinStream(STREAM, 'bob');
  t.match(joined, { streamId: STREAM, state: 'live', viewers: 0, iceServers: [{ username: 'bob' }] });
  const viewing = await joined.connection.answer(viewerOffer);
  t.match(viewing.answer, 'a=sendonly');
  await t.rejects(joined.connection.answer(viewerOffer), { code: 'already_negotiated' });
  t.equal(service.viewers(STREAM), 0, 'offered, but not connected');
  pool.viewers[0]?.connect();
  await pool.viewers[0]?.connected;
  const active = await service.getActiveStreams();
  t.equal(active.length, 250);
  t.match(active[0], { streamId: STREAM, userId: 'ann', state: 'live', viewers: 1 });
  t.match(await service.getStreamStats(STREAM), { streamId: STREAM, viewers: 1, state: { name: 'live' } });
  joined.connection.close();
  t.equal(pool.viewers[0]?.ended, 'closed');

  const offering = service.createPeerConnection(STREAM, 'dora');
  await t.rejects(offering.acceptAnswer(viewerOffer), { code: 'no_offer' });
  t.match(await offering.createOffer(), 'a=sendonly');
  await offering.acceptAnswer(viewerOffer);
  await t.rejects(offering.acceptAnswer(viewerOffer), { code: 'no_offer' });
  pool.viewers[1]?.connect();
  await pool.viewers[1]?.connected;
  t.equal(service.viewers(STREAM), 1);
  offering.close();
  t.equal(pool.viewers[1]?.ended, 'closed');

  const closed = service.createPeerConnection(STREAM, 'carl');
  closed.close();
  await closed.answer(viewerOffer);
  t.equal(pool.viewers[2]?.ended, 'closed', 'a closed session stays closed');
  await t.rejects(service.createPeerConnection(OTHER, 'carl').answer(viewerOffer), {
    code: 'stream_offline',
  });
  await t.rejects(service.joinStream('nowhere', 'bob'), { code: 'stream_not_found' });
  await t.rejects(service.getStreamStats('nowhere'), { code: 'stream_not_found' });
  await service.stopBroadcast(STREAM);
  t.strictSame(ended, [STREAM]);
  await t.rejects(service.stopBroadcast('nowhere'), { code: 'stream_not_found' });
});
