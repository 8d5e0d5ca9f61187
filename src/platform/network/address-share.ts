import { networkBlock } from './network-block.js';

/** Counts what addresses hold (connections, sessions) and bounds it for each: an IPv4 address, or a /64 network of IPv6. */
export class AddressShare {
  readonly #maximum: number;
  readonly #perBlock = new Map<string, number>();

  constructor(maximum: number) {
    this.#maximum = maximum;
  }

  /** @returns a function that gives the place back (idempotent); undefined where the address has its share. */
  take(address: string): (() => void) | undefined {
    const block = networkBlock(address);
    const held = this.#perBlock.get(block) ?? 0;
    if (held >= this.#maximum) return undefined;
    this.#perBlock.set(block, held + 1);
    let taken = true;
    return () => {
      if (!taken) return;
      taken = false;
      const left = (this.#perBlock.get(block) ?? 1) - 1;
      if (left > 0) this.#perBlock.set(block, left);
      else this.#perBlock.delete(block);
    };
  }
}
