import { BlockList, isIP } from 'node:net';

/** Address, or network in CIDR notation (RFC 4632 section 3.1, RFC 4291 section 2.3). */
const FORM = /^([\da-f.:]+)(?:\/(\d{1,3}))?$/i;
const BITS = { 4: 32, 6: 128 } as const;

type Range = { address: string; bits: number; family: 'ipv4' | 'ipv6' };

function parse(text: string): Range | undefined {
  const [, address = '', bits] = FORM.exec(text) ?? [];
  const version = isIP(address);
  if (version !== 4 && version !== 6) return undefined;
  const range: Range = {
    address,
    bits: bits === undefined ? BITS[version] : Number(bits),
    family: version === 4 ? 'ipv4' : 'ipv6',
  };
  return range.bits <= BITS[version] ? range : undefined;
}

/** Returns whether a text is an address or a network: `192.0.2.7`, `192.0.2.0/24`, `2001:db8::/32`. */
export function isAddressRange(text: string): boolean {
  return parse(text) !== undefined;
}

/** Set of addresses and networks, for repeated lookups. Ignores invalid entries. */
export class AddressRanges {
  readonly #networks = new BlockList();

  constructor(ranges: readonly string[]) {
    for (const text of ranges) {
      const range = parse(text);
      if (range) this.#networks.addSubnet(range.address, range.bits, range.family);
    }
  }

  /** Returns whether an address (IPv4 also in its mapped form, `::ffff:192.0.2.7`) is in one of the networks. */
  has(address: string): boolean {
    const bare = address.replace(/%.*$/, '');
    const version = isIP(bare);
    return version !== 0 && this.#networks.check(bare, version === 4 ? 'ipv4' : 'ipv6');
  }
}

/** Returns whether an address is in one of the networks. */
export function isWithin(address: string, ranges: readonly string[]): boolean {
  return new AddressRanges(ranges).has(address);
}
