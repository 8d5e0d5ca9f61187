import { networkBlock } from '../platform/index.js';

export type ConnectionLimits = {
  connections: number;
  /** For an IPv4 address, or a /64 network of IPv6. */
  connectionsPerAddress: number;
};

/** Limits connections in total and per address. */
export class ConnectionLimit {
  readonly #limits: ConnectionLimits;
  readonly #perBlock = new Map<string, number>();
  #connections = 0;

  constructor(limits: ConnectionLimits) {
    this.#limits = limits;
  }

  /** Whether a further connection from this address must be refused. */
  isReached(address: string): boolean {
    const { connections, connectionsPerAddress } = this.#limits;
    const fromThere = this.#perBlock.get(networkBlock(address)) ?? 0;
    return this.#connections >= connections || fromThere >= connectionsPerAddress;
  }

  /** Counts a connection. @returns a function that ends the count; call it once */
  take(address: string): () => void {
    const block = networkBlock(address);
    this.#connections++;
    this.#perBlock.set(block, (this.#perBlock.get(block) ?? 0) + 1);
    return () => {
      this.#connections--;
      const left = (this.#perBlock.get(block) ?? 1) - 1;
      if (left > 0) this.#perBlock.set(block, left);
      else this.#perBlock.delete(block);
    };
  }
}
