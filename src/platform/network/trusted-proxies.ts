import { fail, type Read } from '../setting.js';
import { AddressRanges, isAddressRange } from './address-range.js';

/** Proxies whose `X-Forwarded-*` headers are trusted: none, every direct peer, or addresses and networks. */
export type TrustedProxies = boolean | readonly string[];

/**
 * Parses `true`, `false`, or addresses and networks separated by commas. Refuses a network of all addresses, with which
 * headers of clients would be trusted.
 */
export const trustedProxies: Read<TrustedProxies> = (value, name) => {
  if (/^(true|yes|1|on)$/i.test(value)) return true;
  if (/^(false|no|0|off)$/i.test(value)) return false;
  const ranges = value.split(',').map((entry) => entry.trim());
  for (const range of ranges)
    if (!isAddressRange(range) || range.endsWith('/0'))
      fail(
        name,
        'true, false, or addresses and networks of proxies such as 127.0.0.1,10.0.0.0/8,2001:db8::/32',
        range === value ? value : `${range}" in "${value}`,
      );
  return ranges;
};

/**
 * Creates a function that returns whether a hop of a request is a trusted proxy.
 *
 * @returns a function of an address and its distance, 0 for the direct peer. With `true` only that peer is trusted: earlier
 * entries of `X-Forwarded-For` may be forged.
 */
export function proxyTrust(proxies: TrustedProxies): (address: string, hop: number) => boolean {
  if (proxies === true) return (_address, hop) => hop < 1;
  if (proxies === false) return () => false;
  const ranges = new AddressRanges(proxies);
  return (address) => ranges.has(address);
}
