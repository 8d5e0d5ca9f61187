import t from 'tap';
import { SignInThrottle } from '../../../src/accounts/credentials/sign-in-throttle.js';
import { FakeClock } from '../../support/fakes/fake-clock.js';
import { assertRefused } from '../../support/fixtures/refusal.js';

function throttle(known: (nameKey: string, network: string) => boolean = () => false) {
  const clock = new FakeClock();
  const knowsNetwork = async (nameKey: string, network: string) => known(nameKey, network);
  return { clock, throttle: new SignInThrottle({ clock, knowsNetwork }) };
}

async function fail(guesses: SignInThrottle, times: number, name: string, address: string): Promise<void> {
  for (let i = 0; i < times; i++) await guesses.attempt(name, address);
}

t.test('an address gets ten wrong passwords for an account, then one every half minute', async (t) => {
  const { throttle: guesses, clock } = throttle();
  await fail(guesses, 10, 'ada', '192.0.2.1');
  const refusal = await guesses.attempt('ada', '192.0.2.1').catch((error: unknown) => error);
  t.match(refusal, { status: 429, code: 'rate_limited', details: { retryAfter: 30 } });
  await guesses.attempt('ada', '192.0.2.2');
  await guesses.attempt('grace', '192.0.2.1');
  await clock.advance(30_000);
  await guesses.attempt('ada', '192.0.2.1');
  await assertRefused(t, guesses.attempt('ada', '192.0.2.1'), 429, 'rate_limited');
});

t.test('concurrent attempts count, and successful ones are subtracted', async (t) => {
  const { throttle: guesses } = throttle();
  const attempts = await Promise.allSettled(
    Array.from({ length: 15 }, () => guesses.attempt('ada', '192.0.2.1')),
  );
  const admitted = attempts.flatMap((attempt) => (attempt.status === 'fulfilled' ? [attempt.value] : []));
  t.equal(admitted.length, 10);
  for (const attempt of admitted) {
    attempt.succeeded();
    attempt.succeeded(); // The second call has no effect.
  }
  await fail(guesses, 10, 'ada', '192.0.2.1');
  await assertRefused(t, guesses.attempt('ada', '192.0.2.1'), 429, 'rate_limited');
});

t.test(
  'an address that tries many names is limited, and IPv6 addresses of one /64 count together',
  async (t) => {
    const { throttle: guesses } = throttle();
    for (let i = 0; i < 50; i++) await guesses.attempt(`name ${i}`, `2001:db8::${i.toString(16)}`);
    await assertRefused(t, guesses.attempt('another', '2001:db8::ffff'), 429, 'rate_limited');
    await guesses.attempt('another', '2001:db8:0:1::1');
  },
);

t.test('wrong passwords from many addresses do not lock an account for a network it has used', async (t) => {
  const { throttle: guesses, clock } = throttle(
    (name, network) => name === 'ada' && network === '198.51.100.7',
  );
  for (let i = 0; i < 100; i++) await guesses.attempt('ada', `192.0.2.${i}`);
  await assertRefused(t, guesses.attempt('ada', '192.0.2.200'), 429, 'rate_limited');
  await guesses.attempt('ada', '198.51.100.7');
  await guesses.attempt('grace', '192.0.2.200');
  await clock.advance(36_000);
  await guesses.attempt('ada', '192.0.2.200');
});

t.test('an attempt refused by one limit does not count for another', async (t) => {
  const { throttle: guesses } = throttle();
  await fail(guesses, 10, 'ada', '192.0.2.1');
  for (let i = 0; i < 200; i++)
    await t.rejects(guesses.attempt('ada', '192.0.2.1'), { code: 'rate_limited' });
  for (let i = 0; i < 40; i++) await guesses.attempt(`name ${i}`, '192.0.2.1');
  await assertRefused(t, guesses.attempt('another', '192.0.2.1'), 429, 'rate_limited');
  await fail(guesses, 10, 'ada', '192.0.2.2');
});

t.test('attempts during a database failure do not count', async (t) => {
  const clock = new FakeClock();
  let away = true;
  const knowsNetwork = async () => {
    if (away) throw new Error('away');
    return true;
  };
  const guesses = new SignInThrottle({ clock, knowsNetwork });
  for (let i = 0; i < 100; i++) await guesses.attempt('ada', `192.0.2.${i}`);
  for (let i = 0; i < 20; i++) await t.rejects(guesses.attempt('ada', '198.51.100.7'), { message: 'away' });
  away = false;
  await fail(guesses, 10, 'ada', '198.51.100.7');
});

t.test('successful sign-ins are limited to thirty per account, then one every two seconds', async (t) => {
  const { throttle: guesses, clock } = throttle();
  for (let i = 0; i < 30; i++) (await guesses.attempt('ada', `192.0.2.${i}`)).succeeded();
  const refusal = await guesses.attempt('ada', '192.0.2.200').catch((error: unknown) => error);
  t.match(refusal, { status: 429, code: 'rate_limited', details: { retryAfter: 2 } });
  (await guesses.attempt('grace', '192.0.2.1')).succeeded();
  await clock.advance(2_000);
  (await guesses.attempt('ada', '192.0.2.1')).succeeded();
  await assertRefused(t, guesses.attempt('ada', '192.0.2.1'), 429, 'rate_limited');
});

t.test('an address that signs in to many accounts is limited, and others are not', async (t) => {
  const { throttle: guesses, clock } = throttle();
  for (let i = 0; i < 200; i++) (await guesses.attempt(`name ${i}`, '192.0.2.1')).succeeded();
  await assertRefused(t, guesses.attempt('another', '192.0.2.1'), 429, 'rate_limited');
  (await guesses.attempt('another', '192.0.2.2')).succeeded();
  await clock.advance(300);
  (await guesses.attempt('another', '192.0.2.1')).succeeded();
});

t.test('wrong passwords from other addresses do not use up the sign-ins of an account', async (t) => {
  const { throttle: guesses } = throttle();
  for (let i = 0; i < 60; i++) await guesses.attempt('ada', `192.0.2.${i}`);
  await t.resolves(guesses.attempt('ada', '198.51.100.7'));
});

t.test('an attempt that could not be checked does not count', async (t) => {
  const { throttle: guesses } = throttle();
  for (let i = 0; i < 500; i++) (await guesses.attempt('ada', '192.0.2.1')).withdrawn();
  await t.resolves(guesses.attempt('ada', '192.0.2.1'));
});
