/** Keys remembered at most; the oldest are forgotten. */
const MAXIMUM = 10_000;

/** The stream keys revoked lately, for publishers who were admitted just before. */
export class RevokedKeys {
  readonly #ids = new Set<string>();

  add(keyId: string): void {
    this.#ids.add(keyId);
    const [oldest] = this.#ids;
    if (oldest !== undefined && this.#ids.size > MAXIMUM) this.#ids.delete(oldest);
  }

  has(keyId: string | undefined): boolean {
    return keyId !== undefined && this.#ids.has(keyId);
  }
}
