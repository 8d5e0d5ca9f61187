import { createCipheriv, createHmac, randomBytes } from 'node:crypto';
import { isRtcp, RTP_HEADER_BYTES } from './rtp-header.js';

/** The only suite that every ffmpeg knows (RFC 4568, section 6.2). */
export const SRTP_SUITE = 'AES_CM_128_HMAC_SHA1_80';
const KEY_BYTES = 16;
const SALT_BYTES = 14;
const AUTHENTICATION_KEY_BYTES = 20;
const TAG_BYTES = 10;
const RTCP_HEADER_BYTES = 8;
/** Set in front of an SRTCP index: the packet is encrypted (RFC 3711, section 3.4). */
const ENCRYPTED = 0x8000_0000;
/** Labels of key derivation (RFC 3711, section 4.3.2): encryption, authentication and salting. */
const LABELS = { rtp: [0, 1, 2], rtcp: [3, 4, 5] } as const;

/** Returns a random master key and salt in base64, as `a=crypto` has them after `inline:`. */
export function newSrtpKey(): string {
  return randomBytes(KEY_BYTES + SALT_BYTES).toString('base64');
}

type SessionKeys = { cipher: Buffer; authentication: Buffer; salt: Buffer };

/**
 * Protects the packets of one RTP stream, which have no extension and no contributing sources, and RTCP (RFC 3711):
 * a receiver with the key discards packets that other senders address to its port.
 */
export class SrtpProtector {
  readonly #rtp: SessionKeys;
  readonly #rtcp: SessionKeys;
  readonly #iv = Buffer.alloc(16);
  readonly #rollover = Buffer.alloc(4);
  #lastSequence = 0;
  #rolledOver = 0;
  #rtcpIndex = 0;

  /** @param key made by `newSrtpKey` */
  constructor(key: string) {
    const bytes = Buffer.from(key, 'base64');
    if (bytes.length !== KEY_BYTES + SALT_BYTES) throw new RangeError('an SRTP key has 30 bytes');
    this.#rtp = sessionKeys(bytes, LABELS.rtp);
    this.#rtcp = sessionKeys(bytes, LABELS.rtcp);
  }

  /** @param packet RTP in the order of its sequence numbers, or RTCP. @returns the packet to send, in memory of its own */
  protect(packet: Buffer): Buffer {
    return isRtcp(packet) ? this.#protectRtcp(packet) : this.#protectRtp(packet);
  }

  #protectRtp(packet: Buffer): Buffer {
    const sequence = packet.readUInt16BE(2);
    if (sequence < this.#lastSequence) this.#rolledOver = (this.#rolledOver + 1) >>> 0;
    this.#lastSequence = sequence;
    this.#rollover.writeUInt32BE(this.#rolledOver);
    const iv = this.#initialize(this.#rtp, packet.readUInt32BE(8));
    xor32(iv, 8, this.#rolledOver);
    iv[12]! ^= sequence >> 8;
    iv[13]! ^= sequence & 0xff;
    const body = encrypt(this.#rtp, iv, packet.subarray(RTP_HEADER_BYTES));
    const head = packet.subarray(0, RTP_HEADER_BYTES);
    const tag = authenticate(this.#rtp, head, body, this.#rollover);
    return Buffer.concat([head, body, tag]);
  }

  #protectRtcp(packet: Buffer): Buffer {
    this.#rtcpIndex = (this.#rtcpIndex + 1) % ENCRYPTED;
    const iv = this.#initialize(this.#rtcp, packet.readUInt32BE(4));
    xor32(iv, 10, this.#rtcpIndex);
    const body = encrypt(this.#rtcp, iv, packet.subarray(RTCP_HEADER_BYTES));
    const head = packet.subarray(0, RTCP_HEADER_BYTES);
    const index = Buffer.alloc(4);
    index.writeUInt32BE(ENCRYPTED + this.#rtcpIndex);
    return Buffer.concat([head, body, index, authenticate(this.#rtcp, head, body, index)]);
  }

  /** Fills the initialization vector, except for the packet's index (RFC 3711, section 4.1.1). */
  #initialize({ salt }: SessionKeys, ssrc: number): Buffer {
    const iv = this.#iv;
    iv.fill(0);
    salt.copy(iv);
    xor32(iv, 4, ssrc);
    return iv;
  }
}

function xor32(bytes: Buffer, offset: number, value: number): void {
  bytes.writeUInt32BE((bytes.readUInt32BE(offset) ^ value) >>> 0, offset);
}

function encrypt({ cipher }: SessionKeys, iv: Buffer, bytes: Uint8Array): Buffer {
  return createCipheriv('aes-128-ctr', cipher, iv).update(bytes);
}

function authenticate({ authentication }: SessionKeys, ...parts: Uint8Array[]): Buffer {
  const code = createHmac('sha1', authentication);
  for (const part of parts) code.update(part);
  return code.digest().subarray(0, TAG_BYTES);
}

function sessionKeys(
  master: Buffer,
  [cipher, authentication, salt]: readonly [number, number, number],
): SessionKeys {
  const derive = (label: number, length: number): Buffer => {
    const iv = Buffer.alloc(16);
    master.copy(iv, 0, KEY_BYTES);
    iv[7]! ^= label;
    return createCipheriv('aes-128-ctr', master.subarray(0, KEY_BYTES), iv).update(Buffer.alloc(length));
  };
  return {
    cipher: derive(cipher, KEY_BYTES),
    authentication: derive(authentication, AUTHENTICATION_KEY_BYTES),
    salt: derive(salt, SALT_BYTES),
  };
}
