import t from 'tap';
import { checkNewPassword, Passwords } from '../../src/accounts/passwords.js';
import { refused } from '../support/refusal.js';

t.test('a password is kept as argon2id at the cost that OWASP advises, and known again', async (t) => {
  const passwords = new Passwords();
  const hash = await passwords.hash('correct horse battery');
  t.match(hash, /^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
  t.not(hash, await passwords.hash('correct horse battery'), 'salted');
  t.equal(await passwords.verify(hash, 'correct horse battery'), true);
  t.equal(await passwords.verify(hash, 'correct horse batterz'), false);
});

t.test('the same password from another keyboard is the same', async (t) => {
  const passwords = new Passwords();
  const hash = await passwords.hash('caf\u00e9 au lait');
  t.equal(await passwords.verify(hash, 'cafe\u0301\u00a0au lait'), true);
});

t.test('where there is no account nothing is right', async (t) => {
  t.equal(await new Passwords().verify(undefined, 'correct horse battery'), false);
});

t.test('many at once wait for their turn, and too many are sent away at once', async (t) => {
  const passwords = new Passwords();
  const hash = await passwords.hash('correct horse battery');
  const answers = await Promise.allSettled(
    Array.from({ length: 40 }, () => passwords.verify(hash, 'correct horse battery')),
  );
  const done = answers.filter((answer) => answer.status === 'fulfilled');
  t.equal(done.length, 2 + 32);
  t.ok(done.every((answer) => answer.value));
  for (const answer of answers.slice(34))
    t.match(answer, { reason: { status: 503, code: 'temporarily_unavailable', details: { retryAfter: 2 } } });
  t.equal(await passwords.verify(hash, 'correct horse battery'), true, 'and it goes on afterwards');
});

t.test('a failure gives its turn back', async (t) => {
  const passwords = new Passwords();
  for (let i = 0; i < 5; i++) await t.rejects(passwords.verify('no PHC string', 'x'));
  t.equal(await passwords.verify(undefined, 'x'), false);
});

t.test('what everybody would guess is no password', async (t) => {
  for (const [password, name] of [
    ['aaaaaaaa', 'Ada'],
    ['12121212', 'Ada'],
    ['Lovelace', 'lovelace'],
  ] as const)
    await refused(t, () => checkNewPassword(password, name), 400, 'password_weak');
  checkNewPassword('correct horse battery', 'Ada');
});
