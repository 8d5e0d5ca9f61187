import t from 'tap';
import type { PasswordRequest } from '../../../src/accounts/identity/password-queue.js';
import { checkNewPassword, Passwords } from '../../../src/accounts/identity/passwords.js';
import { assertRefused } from '../../support/fixtures/refusal.js';

const ada: PasswordRequest = { account: 'ada', address: '192.0.2.1' };

t.test('a password is hashed with argon2id at the cost that OWASP recommends, and verified', async (t) => {
  const passwords = new Passwords();
  const hash = await passwords.hash('correct horse battery', ada);
  t.match(hash, /^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
  t.not(hash, await passwords.hash('correct horse battery', ada), 'salted');
  t.equal(await passwords.verify(hash, 'correct horse battery', ada), true);
  t.equal(await passwords.verify(hash, 'correct horse batterz', ada), false);
});

t.test('different Unicode forms of a password are equal', async (t) => {
  const passwords = new Passwords();
  const hash = await passwords.hash('caf\u00e9 au lait', ada);
  t.equal(await passwords.verify(hash, 'cafe\u0301\u00a0au lait', ada), true);
});

t.test('verification without an account fails', async (t) => {
  t.equal(await new Passwords().verify(undefined, 'correct horse battery', ada), false);
});

t.test('a failing verification frees its slot', async (t) => {
  const passwords = new Passwords();
  for (let i = 0; i < 5; i++) await t.rejects(passwords.verify('no PHC string', 'x', ada));
  t.equal(await passwords.verify(undefined, 'x', ada), false);
});

t.test('easily guessed passwords are refused', async (t) => {
  for (const [password, name] of [
    ['aaaaaaaa', 'Ada'],
    ['12121212', 'Ada'],
    ['Lovelace', 'lovelace'],
  ] as const)
    await assertRefused(t, () => checkNewPassword(password, name), 400, 'password_weak');
  checkNewPassword('correct horse battery', 'Ada');
});
