import type { Identity } from '../accounts/index.js';

export type OpenAdmission = {
  identity: Identity;
  /** Called once when the permission ends. Must not throw. */
  onRevoked: () => void;
};

/** Admissions whose holder does not watch yet: it waits for a broadcast, or negotiates a connection. */
export class OpenAdmissions {
  readonly #byStream = new Map<string, Set<OpenAdmission>>();

  /** @returns a function that removes the admission; idempotent */
  add(streamId: string, admission: OpenAdmission): () => void {
    const open = this.#byStream.get(streamId) ?? new Set();
    this.#byStream.set(streamId, open.add(admission));
    return () => {
      open.delete(admission);
      if (open.size === 0 && this.#byStream.get(streamId) === open) this.#byStream.delete(streamId);
    };
  }

  of(streamId: string): Iterable<OpenAdmission> {
    return this.#byStream.get(streamId) ?? [];
  }

  streams(): Iterable<[streamId: string, admissions: Iterable<OpenAdmission>]> {
    return this.#byStream;
  }

  revoke(streamId: string, admission: OpenAdmission): void {
    const open = this.#byStream.get(streamId);
    if (!open?.delete(admission)) return;
    if (open.size === 0) this.#byStream.delete(streamId);
    admission.onRevoked();
  }
}
