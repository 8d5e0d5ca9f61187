import t from 'tap';
import { createLog } from '../../src/platform/index.js';
import { MediaFeed } from '../../src/restreams/media-feed.js';
import { Output } from '../../src/restreams/output.js';
import type { TargetConnection } from '../../src/restreams/target-connection.js';
import { TargetError } from '../../src/restreams/target-error.js';
import { FakeClock } from '../support/fakes/fake-clock.js';

const TRACKS = { video: { codec: 'h264' as const }, audio: undefined };

/** Connection whose other side the test plays. */
class FakeConnection implements TargetConnection {
  readonly reader = undefined;
  readonly traffic = { sentBytes: 0, isBlocked: false, droppedFrames: 3 };
  readonly closed: Promise<TargetError>;
  end: (error: TargetError) => void = () => {};

  constructor() {
    this.closed = new Promise((resolve) => {
      this.end = resolve;
    });
  }

  close(): void {
    this.end(new TargetError('closed'));
  }

  destroy(): void {
    this.end(new TargetError('closed'));
  }
}

function startOutput(answers: (FakeConnection | Error)[]) {
  const clock = new FakeClock();
  const feed = new MediaFeed(clock.now());
  const attempts: number[] = [];
  const states: string[] = [];
  const output: Output = new Output({
    connect: async () => {
      attempts.push(clock.now());
      const answer = answers.shift() ?? new TargetError('no_answer');
      if (answer instanceof Error) throw answer;
      return answer;
    },
    presence: feed.presence,
    join: () => () => {},
    onState: () => states.push(output.status.state),
    clock,
    log: createLog('silent'),
    random: () => 0,
  });
  return { clock, feed, attempts, states, output };
}

t.test('an output waits for media and tries again with growing delays', async (t) => {
  const { clock, feed, attempts, output } = startOutput([]);
  const startedAt = clock.now();
  await clock.advance(5_000);
  t.same([attempts, output.status.state], [[], 'idle']);
  feed.begin(clock.now(), TRACKS);
  await clock.advance(200_000);
  const delays = attempts.slice(1).map((at, index) => (at - attempts[index]!) / 1_000);
  t.same(delays, [1, 2, 4, 8, 16, 32, 60, 60]);
  t.match(output.status, {
    state: 'failing',
    error: 'The target does not answer.',
    errorCode: 'no_answer',
    since: new Date(startedAt + 5_000),
  });
  output.close();
  await output.closed;
  t.equal(output.status.state, 'idle');
  const count = attempts.length;
  await clock.advance(200_000);
  t.equal(attempts.length, count, 'no attempt after the end');
});

t.test('an output that lost its connection is live again, and keeps what was dropped', async (t) => {
  const connections = [new FakeConnection(), new FakeConnection()];
  const { clock, feed, states, output } = startOutput([...connections]);
  feed.begin(clock.now(), TRACKS);
  await clock.advance(10);
  t.equal(output.status.state, 'live');
  connections[0]!.traffic.sentBytes = 250_000;
  await clock.advance(2_000);
  output.sample();
  t.ok(Math.abs(output.status.bitrateBps! - 1_000_000) < 10_000, `${output.status.bitrateBps}`);
  connections[0]!.traffic.sentBytes = 2 ** 40;
  await clock.advance(1);
  output.sample();
  t.equal(output.status.bitrateBps, 2 ** 31 - 1, 'what the database takes');
  connections[0]!.end(new TargetError('closed'));
  await clock.advance(500);
  t.match(output.status, {
    ...{
      state: 'failing',
      error: 'The target closed the connection.',
      errorCode: 'closed',
      bitrateBps: null,
    },
  });
  await clock.advance(1_000);
  t.match(output.status, { state: 'live', error: null, errorCode: null, droppedFrames: 6 });
  t.same(states, ['connecting', 'live', 'failing', 'live']);
  feed.end();
  connections[1]!.end(new TargetError('closed'));
  await clock.advance(10);
  t.match(output.status, { state: 'idle', error: null }, 'an end without a publisher is no failure');
  output.close();
  await output.closed;
});

t.test('a target that takes no data is given up', async (t) => {
  const connection = new FakeConnection();
  const { clock, feed, output } = startOutput([connection]);
  feed.begin(clock.now(), TRACKS);
  await clock.advance(10);
  connection.traffic.isBlocked = true;
  for (let checks = 0; checks < 10 && output.status.state === 'live'; checks++) {
    await clock.advance(2_000);
    output.sample();
    await clock.advance(0);
  }
  t.match(output.status, {
    state: 'failing',
    error: 'The target takes no data any more.',
    errorCode: 'stalled',
  });
  output.close();
  await output.closed;
  t.equal(clock.pending, 0);
});
