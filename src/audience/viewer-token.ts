import { createHmac, timingSafeEqual } from 'node:crypto';

const VERSION = 1;
const MAC_BYTES = 16;
/** Before the user id: version, flags, seconds since 1970, the viewer's id. */
const HEAD_BYTES = 22;
const FLAG_ADMIN = 1;
/** Characters; a user id has 200 characters at most, of up to four bytes each. */
const LONGEST = 1_200;
const FORM = /^[\w-]+$/;

/** What a viewer token says. */
export type ViewerGrant = {
  /** UUID: the viewer, whatever stream tokens they are given later. */
  viewerId: string;
  /** Undefined for an anonymous viewer. */
  userId: string | undefined;
  admin: boolean;
  /** Unix milliseconds, in whole seconds. */
  issuedAt: number;
};

/**
 * Signed tokens that stand for one viewer of one livestream: base64url of a version, the grant and an HMAC-SHA256 (its
 * first 128 bits) over them and the stream's id. They need no memory: a gateway that was restarted knows them again.
 */
export class ViewerTokens {
  readonly #secret: Buffer;

  constructor(secret: Buffer) {
    this.#secret = secret;
  }

  issue(streamId: string, { viewerId, userId = '', admin, issuedAt }: ViewerGrant): string {
    const name = Buffer.from(userId);
    const body = Buffer.alloc(HEAD_BYTES + name.length);
    body.writeUInt8(VERSION, 0);
    body.writeUInt8(admin ? FLAG_ADMIN : 0, 1);
    body.writeUInt32BE(Math.floor(issuedAt / 1_000), 2);
    body.write(viewerId.replaceAll('-', ''), 6, 'hex');
    name.copy(body, HEAD_BYTES);
    return Buffer.concat([body, this.#sign(streamId, body)]).toString('base64url');
  }

  /** @returns undefined for what is no token of ours for this stream. */
  read(streamId: string, token: string): ViewerGrant | undefined {
    if (token.length > LONGEST || !FORM.test(token)) return undefined;
    const bytes = Buffer.from(token, 'base64url');
    if (bytes.length < HEAD_BYTES + MAC_BYTES || bytes[0] !== VERSION) return undefined;
    const body = bytes.subarray(0, -MAC_BYTES);
    if (!timingSafeEqual(bytes.subarray(-MAC_BYTES), this.#sign(streamId, body))) return undefined;
    const id = body.toString('hex', 6, HEAD_BYTES);
    return {
      viewerId: id.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5'),
      userId: body.toString('utf8', HEAD_BYTES) || undefined,
      admin: (body.readUInt8(1) & FLAG_ADMIN) !== 0,
      issuedAt: body.readUInt32BE(2) * 1_000,
    };
  }

  #sign(streamId: string, body: Buffer): Buffer {
    const mac = createHmac('sha256', this.#secret).update(`viewer ${streamId} `).update(body).digest();
    return mac.subarray(0, MAC_BYTES);
  }
}
