import { createHmac, timingSafeEqual } from 'node:crypto';
import { type Identity, NO_IDENTITY } from '../accounts/index.js';

const VERSION = 2;
const MAC_BYTES = 16;
/**
 * Bytes before the user id: version (1), flags (1), issue time and expiry of claims (4 each, Unix s, 0: none), viewer id
 * and credential id (16 each, 0: none).
 */
const HEAD_BYTES = 42;
const VIA = ['none', 'operator', 'session', 'token', 'jwt'] as const;
const VIA_MASK = 7;
const FLAG_ADMIN = 8;
const NO_ID = '0'.repeat(32);
/** Characters of a token; a user id has up to 200 characters of up to four bytes. */
const MAXIMUM_LENGTH = 1_200;
const FORM = /^[\w-]+$/;

/** The content of a viewer token. It grants no rights: those of the identity are looked up. */
export type ViewerGrant = {
  /** UUID of the viewer; the same in renewed tokens. */
  viewerId: string;
  identity: Identity;
  /** Unix milliseconds, in whole seconds. */
  issuedAt: number;
};

/**
 * Issues and reads signed tokens of one viewer of one livestream: base64url of the version, the grant and the first 128
 * bits of an HMAC-SHA256 over them and the stream id. Tokens are stateless, and valid after a restart.
 */
export class ViewerTokens {
  readonly #secret: Buffer;

  constructor(secret: Buffer) {
    this.#secret = secret;
  }

  issue(streamId: string, { viewerId, identity, issuedAt }: ViewerGrant): string {
    const { via, userId = '', credentialId = NO_ID, admin = false, until = 0 } = identity;
    const name = Buffer.from(userId);
    const body = Buffer.alloc(HEAD_BYTES + name.length);
    body.writeUInt8(VERSION, 0);
    body.writeUInt8(VIA.indexOf(via) | (admin ? FLAG_ADMIN : 0), 1);
    body.writeUInt32BE(Math.floor(issuedAt / 1_000), 2);
    body.writeUInt32BE(Math.min(Math.floor(until / 1_000), 0xffff_ffff), 6);
    body.write(viewerId.replaceAll('-', ''), 10, 'hex');
    body.write(credentialId.replaceAll('-', ''), 26, 'hex');
    name.copy(body, HEAD_BYTES);
    return Buffer.concat([body, this.#sign(streamId, body)]).toString('base64url');
  }

  /** @returns undefined if the token was not issued for this stream with this secret */
  read(streamId: string, token: string): ViewerGrant | undefined {
    if (token.length > MAXIMUM_LENGTH || !FORM.test(token)) return undefined;
    const bytes = Buffer.from(token, 'base64url');
    if (bytes.length < HEAD_BYTES + MAC_BYTES || bytes[0] !== VERSION) return undefined;
    const body = bytes.subarray(0, -MAC_BYTES);
    if (!timingSafeEqual(bytes.subarray(-MAC_BYTES), this.#sign(streamId, body))) return undefined;
    return {
      viewerId: uuidAt(body, 10),
      identity: identityIn(body),
      issuedAt: body.readUInt32BE(2) * 1_000,
    };
  }

  #sign(streamId: string, body: Buffer): Buffer {
    const mac = createHmac('sha256', this.#secret).update(`viewer ${streamId} `).update(body).digest();
    return mac.subarray(0, MAC_BYTES);
  }
}

function identityIn(body: Buffer): Identity {
  const flags = body.readUInt8(1);
  const via = VIA[flags & VIA_MASK] ?? 'none';
  if (via === 'none') return NO_IDENTITY;
  const userId = body.toString('utf8', HEAD_BYTES);
  const until = body.readUInt32BE(6) * 1_000;
  return {
    via,
    ...(userId === '' ? {} : { userId }),
    ...(via === 'jwt' ? {} : { credentialId: uuidAt(body, 26) }),
    ...((flags & FLAG_ADMIN) !== 0 ? { admin: true } : {}),
    ...(until === 0 ? {} : { until }),
  };
}

function uuidAt(body: Buffer, offset: number): string {
  const hex = body.toString('hex', offset, offset + 16);
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}
