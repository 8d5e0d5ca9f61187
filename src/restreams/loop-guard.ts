import type { Socket } from 'node:net';
import { networkInterfaces } from 'node:os';
import { PublicError } from '../platform/index.js';
import type { TargetSecret } from './restream-target.js';
import { hostOf } from './target-address.js';
import { TargetError } from './target-error.js';

export type LoopGuardOptions = {
  /** Ports that this gateway listens on. */
  ports(): number[];
  /** Public URLs of this gateway: its pages, RTMP and RTMPS. */
  publicUrls(): string[];
  /** Whether a text is a stream key of this gateway, or of another one on the same database. */
  isOwnKey(text: string): Promise<boolean>;
};

const DEFAULT_PORTS: Record<string, string> = {
  'rtmp:': '1935',
  'rtmps:': '443',
  'http:': '80',
  'https:': '443',
};

/**
 * Refuses targets that are this gateway. Chains over other servers are found by the relay path that RTMP metadata and
 * WHIP requests carry; see `RelayPath`.
 */
export class LoopGuard {
  readonly #options: LoopGuardOptions;

  constructor(options: LoopGuardOptions) {
    this.#options = options;
  }

  /** @throws PublicError 400 `restream_loop` */
  async check(secret: TargetSecret): Promise<void> {
    if (this.#isPublicUrl(new URL(secret.url)) || (await this.#hasOwnKey(secret)))
      throw new PublicError(400, 'restream_loop', new TargetError('loop').message);
  }

  /** Checks the peer of a connection. @throws TargetError */
  checkConnected({ remoteAddress = '', remotePort = 0 }: Pick<Socket, 'remoteAddress' | 'remotePort'>): void {
    if (this.#options.ports().includes(remotePort) && isOwnAddress(remoteAddress))
      throw new TargetError('loop');
  }

  #isPublicUrl(url: URL): boolean {
    const host = hostOf(url).toLowerCase();
    return this.#options.publicUrls().some((own) => {
      const { hostname, port, protocol, pathname } = new URL(own);
      // Other programs may be served below other paths of this host.
      if (protocol.startsWith('http') && !url.pathname.startsWith(pathname)) return false;
      if (hostname.replace(/^\[|\]$/g, '').toLowerCase() !== host) return false;
      return (port || DEFAULT_PORTS[protocol]) === (url.port || DEFAULT_PORTS[url.protocol]);
    });
  }

  async #hasOwnKey({ url, key }: TargetSecret): Promise<boolean> {
    const texts = new Set([url, key ?? ''].flatMap((text) => text.split(/[/?&=:]/)));
    for (const text of texts) if (await this.#options.isOwnKey(text)) return true;
    return false;
  }
}

function isOwnAddress(address: string): boolean {
  const plain = address.replace(/^::ffff:(?=\d+\.)/i, '');
  if (plain === '::1' || plain.startsWith('127.')) return true;
  return Object.values(networkInterfaces())
    .flat()
    .some((own) => own?.address === plain);
}
