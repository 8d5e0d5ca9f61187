import { createSocket } from 'node:dgram';
import t from 'tap';
import { createLog, pause, systemClock } from '../../src/platform/index.js';
import { createWebrtcPool } from '../../src/webrtc/index.js';
import {
  areContinuous,
  connectPublisher,
  publisherPlan,
  sequenceNumbersOf,
  startWebrtcPool,
  TestViewer,
  timestampsOf,
  VIDEO,
  VIEW,
  viewerPlan,
} from '../support/gateway/webrtc-pool.js';
import { FrameStream } from '../support/media/rtp/synthetic-rtp.js';

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

t.test(
  'viewers stay connected when the media source changes, with contiguous sequence numbers',
  async (t) => {
    const { pool, peers } = await startWebrtcPool(t, { workers: 2, spreadAfter: 0 });
    const first = await connectPublisher(pool, peers, 'first');
    pool.setMediaSource('group', 'first');
    const viewers = [
      await TestViewer.connect(pool, peers, 'group'),
      await TestViewer.connect(pool, peers, 'group'),
    ];
    const stream = new FrameStream({ ...VIDEO, sequence: 60_000, timestamp: 4_000_000_000 });
    first.peer.send(...stream.nextFrame(true), ...stream.nextFrame(false));
    for (const viewer of viewers) {
      await viewer.untilVideoPackets(5);
      await viewer.event('active');
    }
    first.publishing.close();
    t.equal(await first.publishing.closed, 'closed');
    for (const viewer of viewers) await viewer.event('inactive');
    pool.setMediaSource('group', undefined);

    // The next source has another codec that the viewers support.
    const second = await connectPublisher(
      pool,
      peers,
      'second',
      publisherPlan({ codec: 'vp8', payloadType: 96 }),
    );
    pool.setMediaSource('group', 'second');
    const vp8 = new FrameStream({ payloadType: 96, ssrc: 5, sequence: 3, timestamp: 77 });
    // 0x10: start of a frame; the low bit of the next byte is 0 for keyframes (RFC 7741 section 4.3).
    const payload = (byte: number): void => {
      for (const packet of vp8.nextFrame(false, 1)) {
        packet[12] = 0x10;
        packet[13] = byte;
        second.peer.send(packet);
      }
    };
    payload(1);
    payload(0);
    payload(1);
    for (const viewer of viewers) {
      const packets = await viewer.untilVideoPackets(7);
      t.ok(areContinuous(sequenceNumbersOf(packets)), 'sequence numbers continue');
      t.same(
        packets.map((packet) => packet[1]! & 0x7f),
        [VIEW.video, VIEW.video, VIEW.video, VIEW.video, VIEW.video, VIEW.vp8, VIEW.vp8],
      );
      const times = timestampsOf(packets).map((time) => (time - timestampsOf(packets)[0]!) >>> 0);
      t.ok(
        times.every((time, i) => i === 0 || time >= times[i - 1]!),
        'timestamps continue',
      );
      t.ok(times[6]! < 90_000 * 60);
      await viewer.event(
        'active',
        viewer.events.findIndex(({ type }) => type === 'inactive'),
      );
    }
    pool.closeViewerGroup('group', 'over');
    for (const viewer of viewers) t.equal(await viewer.viewing.closed, 'channel-closed');
  },
);

t.test('a worker that dies closes its own peers only, and is restarted', async (t) => {
  const { pool, peers } = await startWebrtcPool(t, { workers: 2, spreadAfter: 0 });
  const { peer, publishing } = await connectPublisher(pool, peers, 'source');
  pool.setMediaSource('group', 'source');
  const viewers = [
    await TestViewer.connect(pool, peers, 'group'),
    await TestViewer.connect(pool, peers, 'group'),
  ];
  const stream = new FrameStream(VIDEO);
  peer.send(...stream.nextFrame(true));
  for (const viewer of viewers) await viewer.untilVideoPackets(3);
  const { workers } = await pool.stats();
  const sourceWorker = workers.find((worker) => worker.publishers === 1)!;
  const other = workers.find((worker) => worker.publishers === 0)!;
  t.ok(other.viewers > 0);
  process.kill(sourceWorker.pid, 'SIGKILL');
  t.equal(await publishing.closed, 'worker-died');
  // Viewers of the other worker stay connected.
  const stayed = await Promise.race(
    viewers.map(async (viewer) => {
      await viewer.event('inactive');
      return viewer;
    }),
  );
  const again = await connectPublisher(pool, peers, 'again');
  pool.setMediaSource('group', 'again');
  again.peer.send(...new FrameStream(VIDEO).nextFrame(true));
  t.ok(areContinuous(sequenceNumbersOf(await stayed.untilVideoPackets(6))));
  for (let alive = 1; alive < 2; ) {
    alive = (await pool.stats()).workers.length;
    await pause(20);
  }
  t.not(
    (await pool.stats()).workers.find((worker) => worker.port === sourceWorker.port)!.pid,
    sourceWorker.pid,
  );
});

t.test('a peer that does not connect is closed after the connect timeout', async (t) => {
  const { pool, peers } = await startWebrtcPool(t, { timeouts: { connectMs: 300 } });
  const peer = await peers.create();
  const publishing = await pool.publish({
    mediaSourceId: 'source',
    remote: peer.remote,
    plan: publisherPlan(),
    maximumBitrate: 1e6,
  });
  const viewing = await pool.view({ viewerGroupId: 'group', remote: peer.remote, plan: viewerPlan() });
  const offer = await pool.offerView();
  t.equal(offer.local.setup, 'actpass');
  t.equal(await publishing.closed, 'never-connected');
  t.equal(await viewing.closed, 'never-connected');
  await t.rejects(offer.accept({ viewerGroupId: 'group', remote: peer.remote, plan: viewerPlan() }), {
    code: 'webrtc_unavailable',
  });
  t.match((await pool.stats()).workers, [{ publishers: 0, viewers: 0 }]);
});

t.test('a silent publisher is lost, and a silent viewer while it is sent media', async (t) => {
  const { pool, peers } = await startWebrtcPool(t, { timeouts: { silenceMs: 1500 } });
  const { peer, publishing } = await connectPublisher(pool, peers, 'source');
  pool.setMediaSource('group', 'source');
  const silent = await TestViewer.connect(pool, peers, 'group');
  const alive = await TestViewer.connect(pool, peers, 'group');
  const idle = await TestViewer.connect(pool, peers, 'another group');
  const stream = new FrameStream(VIDEO);
  const timer = setInterval(() => {
    peer.send(...stream.nextFrame(true));
    alive.sendReceiverReport();
  }, 100);
  t.teardown(() => clearInterval(timer));
  t.equal(await silent.viewing.closed, 'lost');
  clearInterval(timer);
  t.equal(await publishing.closed, 'lost');
  t.match((await pool.stats()).workers, [{ publishers: 0, viewers: 2 }], 'an idle viewer stays');
  idle.viewing.close();
  t.equal(await idle.viewing.closed, 'closed');
});

t.test('a viewer connects by accepting an offer of the server', async (t) => {
  const { pool, peers } = await startWebrtcPool(t);
  const { peer } = await connectPublisher(pool, peers, 'source');
  pool.setMediaSource('group', 'source');
  peer.send(...new FrameStream(VIDEO).nextFrame(true));
  const client = await peers.create();
  const offer = await pool.offerView();
  const accepted = offer.accept({
    viewerGroupId: 'group',
    remote: { ...client.remote, setup: 'active' },
    plan: viewerPlan(),
  });
  // The test peer has created an offer itself, so the server's offer is applied as an answer.
  client.answer({ ...offer.local, setup: 'passive' });
  const viewing = await accepted;
  await viewing.connected;
  await client.until(
    () => client.received.filter((packet) => packet.readUInt32BE(8) === VIEW.videoSsrc).length >= 3,
  );
  viewing.close();
  t.equal(await viewing.closed, 'closed');
});

t.test('invalid transports are rejected and do not affect other peers', async (t) => {
  const { pool, peers } = await startWebrtcPool(t);
  const { peer } = await connectPublisher(pool, peers, 'source');
  pool.setMediaSource('group', 'source');
  const viewer = await TestViewer.connect(pool, peers, 'group');
  const { remote } = peer;
  const invalid = [
    { ...remote, fingerprint: 'sha-256 00' },
    { ...remote, fingerprint: '' },
    { ...remote, iceUfrag: `x\r\na=candidate:1 1 UDP 1 10.0.0.1 1 typ host` },
    { ...remote, iceUfrag: '' },
    { ...remote, icePwd: '' },
    { ...remote, icePwd: 'x'.repeat(100_000) },
  ];
  for (const one of invalid) {
    const result = await pool.view({ viewerGroupId: 'group', remote: one, plan: viewerPlan() }).then(
      (viewing) => viewing.close(),
      (error) => t.match(error, { code: 'webrtc_unavailable' }),
    );
    t.equal(result === undefined || result === true, true);
  }
  peer.send(...new FrameStream(VIDEO).nextFrame(true));
  await viewer.untilVideoPackets(3);
});

t.test('closing the pool ends its processes and frees its ports', async (t) => {
  const { pool, peers, firstPort } = await startWebrtcPool(t, { workers: 2, spreadAfter: 0 });
  const { publishing } = await connectPublisher(pool, peers, 'source');
  pool.setMediaSource('group', 'source');
  const viewer = await TestViewer.connect(pool, peers, 'group');
  const { workers } = await pool.stats();
  await pool.close();
  await pool.close();
  t.equal(await publishing.closed, 'closed');
  t.equal(await viewer.viewing.closed, 'closed');
  t.same(
    workers.filter(({ pid }) => isRunning(pid)),
    [],
  );
  for (const port of [firstPort, firstPort + 1]) {
    const socket = createSocket('udp4');
    await new Promise<void>((resolve, reject) =>
      socket.once('error', reject).bind(port, '127.0.0.1', resolve),
    );
    socket.close();
  }
  await t.rejects(pool.view({ viewerGroupId: 'group', remote: viewer.peer.remote, plan: viewerPlan() }), {
    code: 'webrtc_unavailable',
  });
});

t.test('a port in use fails the start with EADDRINUSE', async (t) => {
  const socket = createSocket('udp4');
  t.teardown(() => socket.close());
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
  const pool = createWebrtcPool({
    workers: 1,
    firstPort: socket.address().port,
    bindAddress: '127.0.0.1',
    publicIps: [],
    clock: systemClock,
    log: createLog('silent'),
  });
  await t.rejects(pool.start(), { code: 'webrtc_unavailable', message: /EADDRINUSE/ });
});
