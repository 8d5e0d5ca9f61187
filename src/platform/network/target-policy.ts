import { lookup as resolve } from 'node:dns';
import { BlockList, isIP, type LookupFunction } from 'node:net';
import { HeadendError, PublicError } from '../error.js';

/** Addresses refused always: unspecified, link-local (cloud metadata services), multicast, reserved. */
const FORBIDDEN = blockList([
  ['0.0.0.0', 8],
  ['169.254.0.0', 16],
  ['100.100.100.200', 32],
  ['224.0.0.0', 3],
  ['::', 128],
  ['fe80::', 10],
  ['fd00:ec2::254', 128],
  ['ff00::', 8],
]);

/**
 * Addresses outside the public internet (RFC 6890, RFC 4193), and those that embed or tunnel to IPv4 (RFC 6052, RFC
 * 3056, RFC 4380).
 */
const PRIVATE = blockList([
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['::1', 128],
  ['fc00::', 7],
  ['64:ff9b::', 96],
  ['64:ff9b:1::', 48],
  ['2002::', 16],
  ['2001::', 32],
]);

function blockList(networks: [string, number][]): BlockList {
  const list = new BlockList();
  for (const [network, bits] of networks)
    list.addSubnet(network, bits, network.includes(':') ? 'ipv6' : 'ipv4');
  return list;
}

const WEB_SCHEMES = ['http', 'https'];

/**
 * Decides to which targets of users the gateway may connect, by the address connected to and not by the name: names are
 * resolved for every attempt, and forbidden addresses are skipped.
 */
export class TargetPolicy {
  readonly #privateAddresses: boolean;

  constructor(options: { privateAddresses: boolean }) {
    this.#privateAddresses = options.privateAddresses;
  }

  /**
   * Checks a URL without resolving its host. The host of other schemes than HTTP is normalised as that of HTTP.
   *
   * @param schemes allowed ones
   * @throws PublicError 400 `url_not_allowed`
   */
  check(text: string, schemes: readonly string[] = WEB_SCHEMES): URL {
    const url = URL.canParse(text) ? new URL(text) : undefined;
    if (!url || !schemes.includes(url.protocol.slice(0, -1))) {
      const prefixes = schemes.map((scheme) => `${scheme}://`).join(' or ');
      throw new PublicError(400, 'url_not_allowed', `The URL must start with ${prefixes}.`);
    }
    if (url.username !== '' || url.password !== '')
      throw new PublicError(400, 'url_not_allowed', 'The URL must not contain a user name or password.');
    if (url.hash !== '')
      throw new PublicError(400, 'url_not_allowed', 'The URL must not have a fragment (#).');
    const host = webHost(url.hostname);
    if (host === undefined)
      throw new PublicError(400, 'url_not_allowed', 'The URL must name a host: check its spelling.');
    if (isIP(host) && !this.allows(host))
      throw new PublicError(400, 'url_not_allowed', 'This server does not connect to this address.');
    url.hostname = isIP(host) === 6 ? `[${host}]` : host;
    return url;
  }

  /** Whether an IP address is allowed. */
  allows(address: string): boolean {
    const family = isIP(address) === 4 ? 'ipv4' : 'ipv6';
    return !FORBIDDEN.check(address, family) && (this.#privateAddresses || !PRIVATE.check(address, family));
  }

  /**
   * `lookup` option of `net.connect`: resolves a name to its allowed addresses. It is not called for an IP address:
   * `check` its URL before.
   */
  readonly lookup: LookupFunction = (hostname, options, callback) => {
    resolve(hostname, { ...options, all: true }, (error, found) => {
      if (error) return callback(error, '');
      const allowed = found.filter(({ address }) => this.allows(address));
      const [first] = allowed;
      if (!first)
        callback(
          new HeadendError(
            'url_not_allowed',
            `${hostname} resolves to no address that this server connects to.`,
          ),
          '',
        );
      else if (options.all) callback(null, allowed);
      else callback(null, first.address, first.family);
    });
  };
}

/** Returns a host as HTTP URLs write it, without brackets: `2130706433` becomes `127.0.0.1`. */
function webHost(hostname: string): string | undefined {
  const url = `http://${hostname}/`;
  return hostname !== '' && URL.canParse(url) ? new URL(url).hostname.replace(/^\[|\]$/g, '') : undefined;
}
