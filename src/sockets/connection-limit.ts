import { networkBlock } from '../platform/index.js';

export type ConnectionLimits = {
  connections: number;
  /** For an IPv4 address, or a /64 network of IPv6. */
  connectionsPerAddress: number;
};

/** How many may be connected, in all and from one address. */
export class ConnectionLimit {
  readonly #limits: ConnectionLimits;
  readonly #perBlock = new Map<string, number>();
  #taken = 0;

  constructor(limits: ConnectionLimits) {
    this.#limits = limits;
  }

  /** Whether there is no place for somebody from this address. */
  full(address: string): boolean {
    const { connections, connectionsPerAddress } = this.#limits;
    const fromThere = this.#perBlock.get(networkBlock(address)) ?? 0;
    return this.#taken >= connections || fromThere >= connectionsPerAddress;
  }

  /** @returns a function that gives the seat back; to be called once. */
  take(address: string): () => void {
    const block = networkBlock(address);
    this.#taken++;
    this.#perBlock.set(block, (this.#perBlock.get(block) ?? 0) + 1);
    return () => {
      this.#taken--;
      const left = (this.#perBlock.get(block) ?? 1) - 1;
      if (left > 0) this.#perBlock.set(block, left);
      else this.#perBlock.delete(block);
    };
  }
}
