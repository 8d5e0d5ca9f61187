import { networkBlock } from './network-block.js';

/** Bounds the connections or sessions of each IPv4 address or IPv6 /64 network. */
export class AddressQuota {
  readonly #maximum: number;
  readonly #perBlock = new Map<string, number>();

  constructor(maximum: number) {
    this.#maximum = maximum;
  }

  /** Whether the quota of the address is used. */
  isUsed(address: string): boolean {
    return (this.#perBlock.get(networkBlock(address)) ?? 0) >= this.#maximum;
  }

  /** @returns a release function (idempotent); undefined when the quota of the address is used */
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
