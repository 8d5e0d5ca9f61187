import { randomBytes } from 'node:crypto';
import t from 'tap';
import { type Identity, NO_IDENTITY } from '../../src/accounts/index.js';
import { ViewerTokens } from '../../src/audience/viewer-token.js';

const STREAM = '01890a5d-ac96-774b-bcce-b302099a8057';
const OTHER = '01890a5d-ac96-774b-bcce-b302099a8058';
const ID = '01890a5d-ac96-774b-bcce-b302099a8000';

const IDENTITIES: Identity[] = [
  NO_IDENTITY,
  { via: 'operator', credentialId: ID },
  { via: 'session', userId: OTHER, credentialId: ID },
  { via: 'token', userId: OTHER, credentialId: ID },
  { via: 'jwt', userId: 'user-7 ü' },
  { via: 'jwt', userId: '🎥'.repeat(200), admin: true, until: 1_800_000_000_000 },
];

t.test('a viewer token yields the viewer and identity that it was issued for', async (t) => {
  const tokens = new ViewerTokens(randomBytes(32));
  for (const identity of IDENTITIES) {
    const grant = { viewerId: ID, identity, issuedAt: 1_700_000_000_000 };
    t.strictSame(tokens.read(STREAM, tokens.issue(STREAM, grant)), grant);
  }
});

t.test('a viewer token that is altered, or of another livestream or secret, is invalid', async (t) => {
  const tokens = new ViewerTokens(randomBytes(32));
  const token = tokens.issue(STREAM, { viewerId: ID, identity: { via: 'jwt', userId: 'ann' }, issuedAt: 0 });
  t.equal(tokens.read(OTHER, token), undefined);
  t.equal(new ViewerTokens(randomBytes(32)).read(STREAM, token), undefined);
  const bytes = Buffer.from(token, 'base64url');
  for (const index of bytes.keys()) {
    const changed = Buffer.from(bytes);
    changed.writeUInt8(changed.readUInt8(index) ^ 1, index);
    t.equal(tokens.read(STREAM, changed.toString('base64url')), undefined, `byte ${index}`);
  }
  for (const text of ['', 'x', token.slice(1), `${token}A`.slice(1), 'A'.repeat(2_000)])
    t.equal(tokens.read(STREAM, text), undefined);
});
