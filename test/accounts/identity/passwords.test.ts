import t from 'tap';
import type { PasswordRequest } from '../../../src/accounts/identity/password-queue.js';
import { checkNewPassword, Passwords } from '../../../src/accounts/identity/passwords.js';
import { assertRefused } from '../../support/fixtures/refusal.js';

const ada: PasswordRequest = { account: 'ada', address: '192.0.2.1' };

t.test('a password is kept as argon2id at the cost that OWASP advises, and known again', async (t) => {
  const passwords = new Passwords();
  const hash = await passwords.hash('correct horse battery', ada);
  t.match(hash, /^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
  t.not(hash, await passwords.hash('correct horse battery', ada), 'salted');
  t.equal(await passwords.verify(hash, 'correct horse battery', ada), true);
  t.equal(await passwords.verify(hash, 'correct horse batterz', ada), false);
});

t.test('the same password from another keyboard is the same', async (t) => {
  const passwords = new Passwords();
  const hash = await passwords.hash('caf\u00e9 au lait', ada);
  t.equal(await passwords.verify(hash, 'cafe\u0301\u00a0au lait', ada), true);
});

t.test('where there is no account nothing is right', async (t) => {
  t.equal(await new Passwords().verify(undefined, 'correct horse battery', ada), false);
});

t.test('a failure gives its turn back', async (t) => {
  const passwords = new Passwords();
  for (let i = 0; i < 5; i++) await t.rejects(passwords.verify('no PHC string', 'x', ada));
  t.equal(await passwords.verify(undefined, 'x', ada), false);
});

t.test('what everybody would guess is no password', async (t) => {
  for (const [password, name] of [
    ['aaaaaaaa', 'Ada'],
    ['12121212', 'Ada'],
    ['Lovelace', 'lovelace'],
  ] as const)
    await assertRefused(t, () => checkNewPassword(password, name), 400, 'password_weak');
  checkNewPassword('correct horse battery', 'Ada');
});
