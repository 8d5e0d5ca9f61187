import { createHmac } from 'node:crypto';
import { type Clock, HeadendError, type Logger } from '../platform/index.js';
import { probeIceServer } from './ice-server-probe.js';

/** `RTCIceServer` of the WebRTC API. */
export type IceServer = { urls: string[]; username?: string; credential?: string };

export type IceServersOptions = {
  /** `stun:host[:port]`; the scheme is optional. */
  stunUrls: string[];
  /** `turn:host[:port][?transport=udp|tcp]` or `turns:…`, separated by commas; the scheme is optional. */
  turnServer?: string | undefined;
  turnUsername?: string | undefined;
  turnPassword?: string | undefined;
  /** coturn's `static-auth-secret`: each client gets credentials of its own that expire. */
  turnSecret?: string | undefined;
  clock: Clock;
  log: Logger;
};

/** Lifetime of credentials made from `turnSecret`, s: longer than a viewing session. */
const CREDENTIAL_S = 24 * 3_600;
/** STUN and TURN URIs (RFC 7064, RFC 7065), restricted to characters that need no escaping in a `Link` header. */
const ICE_URL =
  /^(stuns?|turns?):([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::(\d{1,5}))?(\?transport=(?:udp|tcp))?$/;
/** Content of a quoted string (RFC 9110 section 5.6.4), before quotes and backslashes are escaped. */
const VISIBLE_ASCII = /^[\x20-\x7e]+$/;
const DEFAULT_USER = 'headend';

/** STUN and TURN servers that are announced to clients. */
export class IceServers {
  readonly #options: IceServersOptions;
  readonly #stun: string[];
  readonly #turn: string[];

  /** @throws HeadendError `ice_servers_invalid`; the message names the setting. */
  constructor(options: IceServersOptions) {
    this.#options = options;
    this.#stun = options.stunUrls.map((url) => iceUrl('STUN_URLS', url, 'stun'));
    const turn = options.turnServer?.split(',').filter((url) => url.trim() !== '') ?? [];
    this.#turn = turn.map((url) => iceUrl('TURN_SERVER', url, 'turn'));
    const { turnUsername, turnPassword, turnSecret } = options;
    if (this.#turn.length > 0 && !turnSecret && !(turnUsername && turnPassword))
      throw invalid('TURN_SERVER needs TURN_USERNAME and TURN_PASSWORD, or TURN_SECRET');
    for (const [name, value] of Object.entries({ TURN_USERNAME: turnUsername, TURN_PASSWORD: turnPassword }))
      if (value && !VISIBLE_ASCII.test(value))
        throw invalid(`${name} may contain visible ASCII characters only`);
  }

  /**
   * Returns the servers for `RTCConfiguration.iceServers`.
   *
   * @param user part of TURN usernames that expire; coturn logs it.
   */
  list(user: string = DEFAULT_USER): IceServer[] {
    const servers: IceServer[] = [];
    if (this.#stun.length > 0) servers.push({ urls: [...this.#stun] });
    if (this.#turn.length > 0) servers.push({ urls: [...this.#turn], ...this.#credentials(user) });
    return servers;
  }

  /** Returns the servers as `Link` header values, one per URL (RFC 9725 section 4.6). */
  links(user?: string): string[] {
    return this.list(user).flatMap(({ urls, username, credential }) => {
      const login =
        username === undefined || credential === undefined
          ? ''
          : `; username=${quoted(username)}; credential=${quoted(credential)}; credential-type="password"`;
      return urls.map((url) => `<${url}>; rel="ice-server"${login}`);
    });
  }

  /** Probes all servers and logs a warning for each that does not answer. Never rejects. */
  async check(): Promise<{ url: string; problem: string }[]> {
    const { clock, log } = this.#options;
    const probed = await Promise.all(
      [...this.#stun, ...this.#turn].map(async (url) => ({ url, problem: await probe(url, clock) })),
    );
    const problems = probed.flatMap(({ url, problem }) => (problem === undefined ? [] : [{ url, problem }]));
    for (const { url, problem } of problems)
      log.warn(
        { url },
        url.startsWith('stun')
          ? `the STUN server ${problem}: browsers behind NAT may not find their public address; check STUN_URLS and the firewall (outgoing UDP)`
          : `the TURN server ${problem}: browsers whose network blocks UDP will not connect; check TURN_SERVER and the firewall`,
      );
    return problems;
  }

  /**
   * Returns static credentials, or expiring ones (draft-uberti-behave-turn-rest: the username starts with the expiry
   * time).
   */
  #credentials(user: string): { username: string; credential: string } {
    const { turnSecret, turnUsername = '', turnPassword = '', clock } = this.#options;
    if (!turnSecret) return { username: turnUsername, credential: turnPassword };
    const username = `${Math.floor(clock.now() / 1_000) + CREDENTIAL_S}:${user.replace(/[^\w.@-]/g, '_')}`;
    return { username, credential: createHmac('sha1', turnSecret).update(username).digest('base64') };
  }
}

function iceUrl(setting: string, text: string, scheme: 'stun' | 'turn'): string {
  const url = /^(stun|turn)s?:/i.test(text.trim()) ? text.trim() : `${scheme}:${text.trim()}`;
  const match = ICE_URL.exec(url);
  if (!match?.[1]?.startsWith(scheme) || Number(match[3] ?? 0) > 65_535)
    throw invalid(`${setting} must be of the form ${scheme}:HOST:PORT, not "${text.trim()}"`);
  return url;
}

function invalid(message: string): HeadendError {
  return new HeadendError('ice_servers_invalid', `${message}.`);
}

function quoted(text: string): string {
  return `"${text.replace(/["\\]/g, '\\$&')}"`;
}

async function probe(url: string, clock: Clock): Promise<string | undefined> {
  const match = ICE_URL.exec(url);
  const secure = match?.[1]?.endsWith('s') ?? false;
  return await probeIceServer(
    {
      host: (match?.[2] ?? '').replace(/^\[|\]$/g, ''),
      // Default ports: 3478, with TLS 5349 (RFC 8489 section 8.1, RFC 8656 section 4).
      port: Number(match?.[3] ?? (secure ? 5_349 : 3_478)),
      transport: secure || match?.[4] === '?transport=tcp' ? 'tcp' : 'udp',
    },
    clock,
  );
}
