import { BlockList, isIP } from 'node:net';

/** An address, or a network in CIDR notation (RFC 4632 section 3.1, RFC 4291 section 2.3). */
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

/** Tells whether a text names an address or a network: `192.0.2.7`, `192.0.2.0/24`, `2001:db8::/32`. */
export function isAddressRange(text: string): boolean {
  return parse(text) !== undefined;
}

/** A set of addresses and networks, for many look-ups. Invalid entries are ignored. */
export class AddressRanges {
  readonly #networks = new BlockList();

  constructor(ranges: readonly string[]) {
    for (const text of ranges) {
      const range = parse(text);
      if (range) this.#networks.addSubnet(range.address, range.bits, range.family);
    }
  }

  /** Tells whether an address (IPv4 also in its IPv6-mapped form, `::ffff:192.0.2.7`) lies in one of the networks. */
  has(address: string): boolean {
    const bare = address.replace(/%.*$/, '');
    const version = isIP(bare);
    return version !== 0 && this.#networks.check(bare, version === 4 ? 'ipv4' : 'ipv6');
  }
}

/** Tells whether an address lies in one of the networks. */
export function isWithin(address: string, ranges: readonly string[]): boolean {
  return new AddressRanges(ranges).has(address);
}
