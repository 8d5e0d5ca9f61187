import t from 'tap';
import { PasswordQueue } from '../../../src/accounts/identity/password-queue.js';

/** Runs work that lasts until the test finishes it. */
function fixture(queue: PasswordQueue) {
  const started: string[] = [];
  const finishers = new Map<string, () => void>();
  const settle = () => new Promise((resolve) => setImmediate(resolve));
  const run = (name: string, account: string, address: string) =>
    queue.run({ account, address }, () => {
      started.push(name);
      return new Promise<void>((resolve) => finishers.set(name, resolve));
    });
  const finish = async (name: string) => {
    finishers.get(name)?.();
    await settle();
  };
  return { run, finish, started, settle };
}

t.test(
  'one account has one hash in progress, from any address, and does not delay other accounts',
  async (t) => {
    const { run, finish, started, settle } = fixture(new PasswordQueue());
    const all = [
      run('a1', 'ada', '192.0.2.1'),
      run('a2', 'ada', '192.0.2.2'),
      run('g1', 'grace', '192.0.2.3'),
    ];
    await settle();
    t.strictSame(started, ['a1', 'g1']);
    await finish('g1');
    t.strictSame(started, ['a1', 'g1'], 'the second slot stays free for other accounts');
    all.push(run('g2', 'grace', '192.0.2.3'));
    await settle();
    t.strictSame(started, ['a1', 'g1', 'g2']);
    await finish('a1');
    t.strictSame(started, ['a1', 'g1', 'g2', 'a2']);
    await finish('a2');
    await finish('g2');
    await Promise.all(all);
  },
);

t.test('addresses are served in turn: a long queue of one does not delay another', async (t) => {
  const { run, finish, started, settle } = fixture(new PasswordQueue({ running: 1 }));
  const all = Array.from({ length: 5 }, (_, i) => run(`flood ${i}`, `name ${i}`, '192.0.2.1'));
  all.push(run('other', 'grace', '198.51.100.7'));
  await settle();
  await finish('flood 0');
  await finish('flood 1');
  t.strictSame(started, ['flood 0', 'flood 1', 'other']);
  for (const name of ['other', 'flood 2', 'flood 3', 'flood 4']) await finish(name);
  await Promise.all(all);
});

t.test('requests above the limit of one account get 429 and do not affect other accounts', async (t) => {
  const { run, finish, settle } = fixture(new PasswordQueue());
  const admitted = Array.from({ length: 5 }, (_, i) => run(`a${i}`, 'ada', '192.0.2.1'));
  await t.rejects(run('too many', 'ada', '198.51.100.7'), {
    status: 429,
    code: 'rate_limited',
    details: { retryAfter: 2 },
  });
  const other = run('other', 'grace', '192.0.2.1');
  await settle();
  await finish('other');
  await other;
  for (let i = 0; i < 5; i++) await finish(`a${i}`);
  await Promise.all(admitted);
});

t.test('a full queue refuses with 503 the address with the most waiting requests', async (t) => {
  const { run, finish, settle } = fixture(new PasswordQueue({ running: 1, waiting: 4 }));
  const busy = { status: 503, code: 'temporarily_unavailable', details: { retryAfter: 2 } };
  const flood = Array.from({ length: 5 }, (_, i) => run(`flood ${i}`, `name ${i}`, '192.0.2.1'));
  await t.rejects(run('flood 5', 'name 5', '192.0.2.1'), busy);
  const displaced = t.rejects(flood[4] as Promise<void>, busy);
  const other = run('other', 'grace', '198.51.100.7');
  await displaced;
  await settle();
  await finish('flood 0');
  await finish('flood 1');
  await finish('other');
  await other;
  for (const name of ['flood 2', 'flood 3']) await finish(name);
  await Promise.all(flood.slice(0, 4));
});

t.test('failing work frees its slot', async (t) => {
  const queue = new PasswordQueue({ running: 1 });
  const request = { account: 'ada', address: '192.0.2.1' };
  for (let i = 0; i < 3; i++)
    await t.rejects(
      queue.run(request, async () => {
        throw new Error('broken');
      }),
      { message: 'broken' },
    );
  t.equal(await queue.run(request, async () => 'done'), 'done');
});
