import t from 'tap';
import type { FlvTag } from '../../../src/media/index.js';
import { createLog } from '../../../src/platform/index.js';
import { LiveBroadcast } from '../../../src/streams/broadcast/live-broadcast.js';
import {
  BROADCAST_END,
  type BroadcastEnd,
  type BroadcastSubscriber,
  type EncoderRun,
  PUBLICATION_END,
  type PublicationEnd,
  type Publisher,
  type Source,
  type StreamChange,
} from '../../../src/streams/index.js';
import { FakeClock } from '../../support/fakes/fake-clock.js';

const GRACE_MS = 60_000;

function publisher(calls: string[] = [], name = 'a'): Publisher {
  return {
    protocol: 'rtmp',
    streamKey: 'secret',
    address: '192.0.2.1',
    pause: () => calls.push(`${name} pause`),
    resume: () => calls.push(`${name} resume`),
    kick: (reason) => calls.push(`${name} kick ${reason}`),
  };
}

function openFixture(options: { resumed?: boolean; subscribers?: BroadcastSubscriber[] } = {}) {
  const clock = new FakeClock();
  const events: string[] = [];
  const sources: Source[] = [];
  const changes: StreamChange[] = [];
  const subscriber: BroadcastSubscriber = {
    name: 'watcher',
    subscribe: () => ({
      publicationStarted: (source) => {
        sources.push(source);
        source.read({
          restart: (startedAt, has) => events.push(`restart ${startedAt} ${has.audio} ${has.video}`),
          write: (tag) => events.push(`${tag.kind} ${tag.timestamp}`),
          end: (reason) => events.push(`end ${reason}`),
        });
      },
      encoderRunStarted: (run) => events.push(`run ${run.index}`),
      broadcastEnded: async (reason) => {
        events.push(`left ${reason}`);
      },
    }),
  };
  let runs = 0;
  const broadcast = new LiveBroadcast({
    id: 'b',
    streamId: 's',
    startedAt: clock.now(),
    resumed: options.resumed ?? false,
    subscribers: options.subscribers ?? [subscriber],
    store: {
      nextRun: async () => runs++,
      live: () => events.push('stored live'),
      ended: async (reason) => {
        events.push(`stored ${reason}`);
      },
    },
    onChange: (change) => changes.push(change),
    graceMs: GRACE_MS,
    clock,
    log: createLog('silent'),
  });
  return { broadcast, clock, events, sources, changes };
}

function videoTag(timestamp: number, header = false): FlvTag {
  return { kind: 'video', timestamp, body: Buffer.alloc(1), header, keyframe: false };
}

t.test('a publisher that reconnects within the grace period continues the broadcast', async (t) => {
  const { broadcast, clock, events } = openFixture();
  const first = broadcast.publish(publisher());
  t.equal(broadcast.state.name, 'starting');
  broadcast.playable();
  t.equal(broadcast.state.name, 'live');
  first.close('publisher-lost');
  t.strictSame(broadcast.state, { name: 'reconnecting', until: clock.now() + GRACE_MS });
  await clock.advance(GRACE_MS - 1);
  broadcast.publish(publisher());
  t.equal(broadcast.state.name, 'starting');
  broadcast.playable();
  await clock.advance(GRACE_MS * 2);
  t.equal(broadcast.state.name, 'live', 'the first grace period does not end the second connection');
  t.equal(events.filter((event) => event === 'stored live').length, 1, 'the stream went live once');
});

t.test('a publisher that does not reconnect ends the broadcast after the grace period', async (t) => {
  const { broadcast, clock, events } = openFixture();
  const publication = broadcast.publish(publisher());
  broadcast.playable();
  publication.close('publisher-left');
  await clock.advance(GRACE_MS);
  t.equal(await broadcast.closed, 'grace-expired');
  t.strictSame(events.slice(-3), ['end publisher-left', 'left grace-expired', 'stored grace-expired']);
  t.equal(broadcast.state.name, 'offline');
  t.equal(clock.pending, 0, 'no timer is left');
});

t.test('every state change is announced with its previous state and its end', async (t) => {
  const { broadcast, clock, changes } = openFixture();
  broadcast.publish(publisher());
  broadcast.playable();
  broadcast.publish(publisher([], 'b')).close('publisher-lost');
  const until = clock.now() + GRACE_MS;
  await clock.advance(GRACE_MS);
  await broadcast.closed;
  const common = { streamId: 's', broadcastId: 'b' };
  const ending = { name: 'ending', reason: 'grace-expired' } as const;
  t.strictSame(changes, [
    { ...common, from: 'offline', to: { name: 'starting' }, wasLive: false },
    { ...common, from: 'starting', to: { name: 'live' }, wasLive: false },
    { ...common, from: 'live', to: { name: 'reconnecting', until }, wasLive: true },
    { ...common, from: 'reconnecting', to: ending, wasLive: true },
    { ...common, from: 'ending', to: { name: 'offline' }, wasLive: true, end: 'grace-expired' },
  ]);
});

t.test('a broadcast that was never playable ends with its publisher', async (t) => {
  const { broadcast, clock } = openFixture();
  broadcast.publish(publisher()).close('publisher-lost');
  t.equal(broadcast.state.name, 'ending');
  t.equal(await broadcast.closed, 'never-started');
  t.equal(clock.pending, 0, 'no timer is left');
});

t.test('a second publisher with the same key takes over at once', async (t) => {
  const calls: string[] = [];
  const { broadcast, events } = openFixture();
  const first = broadcast.publish(publisher(calls, 'first'));
  broadcast.playable();
  const second = broadcast.publish(publisher(calls, 'second'));
  t.strictSame(calls, ['first kick replaced']);
  t.ok(events.includes('end replaced'));
  t.equal(broadcast.state.name, 'live', 'viewers notice nothing');
  first.restart(1, { audio: true, video: true });
  first.write(videoTag(1));
  first.close('publisher-lost');
  t.equal(broadcast.state.name, 'live', 'calls of the replaced publication are ignored');
  second.restart(5, { audio: false, video: true });
  t.strictSame(events.slice(-1), ['restart 5 false true']);
});

t.test('every end of a publication has the effect that the table names', async (t) => {
  for (const reason of Object.keys(PUBLICATION_END) as PublicationEnd[]) {
    const calls: string[] = [];
    const { broadcast, sources, clock } = openFixture();
    broadcast.publish(publisher(calls));
    broadcast.playable();
    sources[0]?.kick(reason);
    t.strictSame(calls, [`a kick ${reason}`], `${reason}: the publisher gets it`);
    const policy = PUBLICATION_END[reason].broadcast;
    if (policy === 'hold') t.equal(broadcast.state.name, 'reconnecting', reason);
    else if (policy === 'continue') t.equal(broadcast.state.name, 'live', reason);
    else t.equal(await broadcast.closed, policy, reason);
    void broadcast.endBroadcast('shutdown');
    await broadcast.closed;
    t.equal(clock.pending, 0, `${reason}: no timer is left`);
  }
});

t.test('the end by the owner disconnects the publisher and the subscribers and stores the end', async (t) => {
  const calls: string[] = [];
  const { broadcast, events } = openFixture();
  broadcast.publish(publisher(calls));
  const ended: BroadcastEnd[] = await Promise.all([
    broadcast.endBroadcast('ended-by-owner'),
    broadcast.endBroadcast('shutdown'),
  ]);
  t.strictSame(ended, ['ended-by-owner', 'ended-by-owner'], 'the first reason is kept');
  t.strictSame(calls, ['a kick ended-by-owner']);
  t.strictSame(events, ['end ended-by-owner', 'left ended-by-owner', 'stored ended-by-owner']);
  await t.rejects(broadcast.openRun({ renditions: [], originMs: 0 }), { code: 'broadcast_ended' });
});

t.test('a subscriber that does not detach delays the end for a limited time', async (t) => {
  const hanging: BroadcastSubscriber = {
    name: 'stuck',
    subscribe: () => ({ broadcastEnded: () => new Promise(() => {}) }),
  };
  const broken: BroadcastSubscriber = {
    name: 'broken',
    subscribe: () => ({
      broadcastEnded: async () => {
        throw new Error('broken');
      },
    }),
  };
  const { broadcast, clock, events } = openFixture({ subscribers: [hanging, broken] });
  broadcast.publish(publisher());
  void broadcast.endBroadcast('ended-by-owner');
  await clock.advance(60_000);
  t.equal(await broadcast.closed, 'ended-by-owner');
  t.strictSame(events, ['stored ended-by-owner']);
});

t.test('holds of readers pause the publisher until the last one is released', async (t) => {
  const calls: string[] = [];
  const { broadcast, sources } = openFixture();
  broadcast.publish(publisher(calls));
  const source = sources[0];
  t.ok(source);
  const one = source?.hold();
  const two = source?.hold();
  t.match(broadcast.notices, [{ topic: 'ingest' }], 'the stream has a notice');
  one?.();
  one?.();
  t.strictSame(calls, ['a pause']);
  two?.();
  t.strictSame(calls, ['a pause', 'a resume']);
  t.strictSame(broadcast.notices, []);
});

t.test('a pause by ingest and a hold by a reader pause the publisher until both end', async (t) => {
  const calls: string[] = [];
  const { broadcast, sources } = openFixture();
  const publication = broadcast.publish(publisher(calls));
  const resume = publication.pause();
  t.strictSame(broadcast.notices, [], 'a pause by ingest says nothing by itself');
  const release = sources[0]?.hold();
  resume();
  resume();
  t.strictSame(calls, ['a pause']);
  t.match(broadcast.notices, [{ topic: 'ingest' }]);
  release?.();
  t.strictSame(calls, ['a pause', 'a resume']);
  t.strictSame(broadcast.notices, []);
});

t.test('notices of a publication are the broadcast’s until they are cleared or it ends', async (t) => {
  const { broadcast } = openFixture();
  const publication = broadcast.publish(publisher());
  publication.notice('source-audio', 'No sound.');
  publication.notice('source-keyframes', 'No keyframes.');
  publication.notice('source-audio', undefined);
  t.strictSame(broadcast.notices, [{ topic: 'source-keyframes', message: 'No keyframes.' }]);
  publication.close('publisher-lost');
  t.strictSame(broadcast.notices, []);
  publication.notice('source-audio', 'Too late.');
  t.strictSame(broadcast.notices, []);
});

t.test('a late reader gets the timeline and the headers first', async (t) => {
  const { broadcast, sources } = openFixture();
  const publication = broadcast.publish(publisher());
  publication.restart(7, { audio: false, video: true });
  publication.write(videoTag(0, true));
  publication.write(videoTag(40));
  const seen: string[] = [];
  sources[0]?.read({
    restart: (startedAt) => seen.push(`restart ${startedAt}`),
    write: (tag) => seen.push(`${tag.header ? 'header' : 'frame'} ${tag.timestamp}`),
    end: () => seen.push('end'),
  });
  publication.write(videoTag(80));
  t.strictSame(seen, ['restart 7', 'header 0', 'frame 80']);
});

t.test('an encoder run reaches the subscribers, and its bytes their readers', async (t) => {
  let run: EncoderRun | undefined;
  const seen: string[] = [];
  const subscriber: BroadcastSubscriber = {
    name: 'packager',
    subscribe: () => ({
      encoderRunStarted: (opened) => {
        run = opened;
        opened.read({
          write: (id, bytes) => seen.push(`${id} ${bytes.length}`),
          startCopy: (id) => seen.push(`${id} starts`),
          sample: (id, { data }) => seen.push(`${id} sample ${data.length}`),
          encoderEnded: (id) => seen.push(`${id} encoder ended`),
          renditionSuspended: (id) => seen.push(`${id} suspended`),
          renditionEnded: (id) => seen.push(`${id} ended`),
          close: () => seen.push('close'),
        });
      },
      broadcastEnded: async () => {},
    }),
  };
  const { broadcast } = openFixture({ subscribers: [subscriber] });
  broadcast.publish(publisher());
  const writer = await broadcast.openRun({
    renditions: [{ id: 'audio', kind: 'audio', passthrough: false }],
    originMs: 3,
  });
  writer.write('audio', Buffer.alloc(4));
  writer.close();
  writer.close();
  writer.write('audio', Buffer.alloc(5));
  t.strictSame(seen, ['audio 4', 'close']);
  t.match(run, { index: 0, originMs: 3 });
});

t.test('a broadcast resumed after a restart waits for its publisher', async (t) => {
  const { broadcast, clock, events } = openFixture({ resumed: true });
  broadcast.awaitPublisher();
  t.equal(broadcast.state.name, 'reconnecting');
  await clock.advance(GRACE_MS);
  t.equal(await broadcast.closed, 'grace-expired', 'it was live before');
  t.strictSame(events, ['left grace-expired', 'stored grace-expired']);
});

t.test('every end of a broadcast has its row in the table', async (t) => {
  for (const [reason, policy] of Object.entries(BROADCAST_END)) {
    t.ok(policy.viewers.endsWith('.'), `${reason}: viewers get a message`);
    t.equal(policy.closesRow, policy.playlist === 'endlist', `${reason}: a closed row has an ended playlist`);
  }
});
