import { fail, type Read } from '../setting.js';
import { AddressRanges, isAddressRange } from './address-range.js';

/** Peers whose `X-Forwarded-*` headers are trusted: none, every direct peer, or addresses and networks. */
export type TrustedProxies = boolean | readonly string[];

/**
 * Reads `true`, `false`, or addresses and networks separated by commas. A network of all addresses is refused: it would
 * believe what clients write themselves.
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
 * Creates the test of whether a hop of a request is a trusted proxy.
 *
 * @returns a function of an address and its distance, 0 for the direct peer. With `true` that peer alone is believed, as
 * what stands before its entry in `X-Forwarded-For` anybody may have written.
 */
export function proxyTrust(proxies: TrustedProxies): (address: string, hop: number) => boolean {
  if (proxies === true) return (_address, hop) => hop < 1;
  if (proxies === false) return () => false;
  const ranges = new AddressRanges(proxies);
  return (address) => ranges.has(address);
}
