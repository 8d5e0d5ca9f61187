/** Ids kept; the oldest is evicted first. */
const MAXIMUM_KEYS = 10_000;

/** Recently revoked stream keys: refuses publishers that were admitted just before the revocation. */
export class RevokedKeys {
  readonly #ids = new Set<string>();

  add(keyId: string): void {
    this.#ids.add(keyId);
    const [oldest] = this.#ids;
    if (oldest !== undefined && this.#ids.size > MAXIMUM_KEYS) this.#ids.delete(oldest);
  }

  has(keyId: string | undefined): boolean {
    return keyId !== undefined && this.#ids.has(keyId);
  }
}
