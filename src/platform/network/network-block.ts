import { isIPv6, SocketAddress } from 'node:net';

/** IPv4-mapped IPv6 address (RFC 4291 section 2.5.5.2). */
const MAPPED = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i;

/** Address with a port, as some proxies write it into `X-Forwarded-For` (RFC 7239 section 6). */
const WITH_PORT = /^(?:(\d+\.\d+\.\d+\.\d+)|\[([\da-f.:]+)\]):\d+$/i;

/**
 * Returns the key of limits per address: an IPv4 address, or the /64 network of an IPv6 address, as one customer gets at
 * least a /64 (RFC 6177).
 */
export function networkBlock(address: string): string {
  const [, ipv4, ipv6] = WITH_PORT.exec(address) ?? [];
  if (ipv4 ?? ipv6) return networkBlock(ipv4 ?? ipv6 ?? '');
  const mapped = MAPPED.exec(address);
  if (mapped?.[1]) return mapped[1];
  if (!isIPv6(address)) return address;
  const [head = '', tail] = new SocketAddress({
    family: 'ipv6',
    address: address.replace(/%.*$/, ''),
  }).address.split('::');
  const before = head === '' ? [] : head.split(':');
  const after = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = tail === undefined ? [] : Array<string>(8 - before.length - after.length).fill('0');
  return `${[...before, ...zeros, ...after].slice(0, 4).join(':')}::/64`;
}
