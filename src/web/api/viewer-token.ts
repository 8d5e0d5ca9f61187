import type { ApiRoutes } from '../../api/contract.js';
import { apiPath, callApi } from './api-client.js';

/** Joining by HTTP starts after this time; the socket is usually faster. */
const HTTP_JOIN_AFTER_MS = 1_500;
/** Playback starts without a token after this time. */
const TOKEN_TIMEOUT_MS = 3_000;

/** Viewer token of this browser tab: the server counts the tab once, by whatever protocol it watches. */
export class ViewerToken {
  /** Resolves to undefined on timeout or when the server issues no token. */
  readonly resolved: Promise<string | undefined>;
  readonly #streamId: string;
  readonly #timers: ReturnType<typeof setTimeout>[] = [];
  #resolve: (token: string | undefined) => void = () => {};
  #isResolved = false;
  #joining: Promise<void> | undefined;
  readonly #locking: Promise<void>;
  #releaseLock: (() => void) | undefined;
  /** Fallback where `sessionStorage` is forbidden. */
  #inMemory: string | undefined;

  constructor(streamId: string) {
    this.#streamId = streamId;
    this.resolved = new Promise((resolve) => {
      this.#resolve = resolve;
    });
    this.#locking = this.#lock();
  }

  start(): void {
    this.#timers.push(
      setTimeout(() => void this.joinByHttp(), HTTP_JOIN_AFTER_MS),
      setTimeout(() => this.#settle(undefined), TOKEN_TIMEOUT_MS),
    );
  }

  /** Token kept for the lifetime of the tab, so that a reloaded page is the same viewer. */
  get stored(): string | undefined {
    try {
      return sessionStorage.getItem(this.#storageKey) ?? undefined;
    } catch {
      return this.#inMemory; // `sessionStorage` is forbidden
    }
  }

  store(token: string): void {
    const isNew = token !== this.stored;
    this.#inMemory = token;
    try {
      sessionStorage.setItem(this.#storageKey, token);
    } catch {
      // Storage is forbidden: `#inMemory` holds the token.
    }
    if (isNew) void this.#lock();
    this.#settle(token);
  }

  /** Stops the timers that end waiting: the livestream is at capacity, and a token comes when a viewer leaves. */
  stopTimers(): void {
    for (const timer of this.#timers.splice(0)) clearTimeout(timer);
  }

  /** Joins by HTTP unless the token is known already. Never rejects. */
  joinByHttp(): Promise<void> {
    if (this.#isResolved) return Promise.resolve();
    this.#joining ??= this.#requestToken().finally(() => {
      this.#joining = undefined;
    });
    return this.#joining;
  }

  /**
   * Resolves when neither the lock nor a join is pending: a second join at the same time would count a second viewer,
   * or one viewer for two tabs.
   */
  async whenIdle(): Promise<void> {
    await this.#locking;
    await this.#joining;
  }

  /** Reports that the viewer has left; a beacon is sent even while the page unloads. */
  sendLeave(): void {
    const token = this.stored;
    if (token === undefined) return;
    const path = apiPath('POST /api/livestream/:streamId/leave', { streamId: this.#streamId });
    const body: ApiRoutes['POST /api/livestream/:streamId/leave']['body'] = { viewerToken: token };
    navigator.sendBeacon(path, JSON.stringify(body));
  }

  /** Leaves and deletes the token: the next user of this tab is another viewer. */
  leaveAndForget(): void {
    this.sendLeave();
    this.#removeStored();
  }

  close(): void {
    this.#releaseLock?.();
    this.#settle(undefined);
  }

  /**
   * Takes a lock named by the token. A duplicated tab copies `sessionStorage`, finds the lock taken and drops the
   * copied token. Web Locks exist in secure contexts only.
   */
  #lock(): Promise<void> {
    const { stored } = this;
    if (stored === undefined || !('locks' in navigator)) return Promise.resolve();
    return new Promise((decided) => {
      const held = (lock: Lock | null): Promise<void> | undefined => {
        if (!lock) this.#removeStored();
        decided();
        if (!lock) return undefined;
        this.#releaseLock?.();
        return new Promise((release) => {
          this.#releaseLock = release;
        });
      };
      navigator.locks.request(`viewer ${stored}`, { ifAvailable: true }, held).catch(() => decided());
    });
  }

  #removeStored(): void {
    this.#inMemory = undefined;
    try {
      sessionStorage.removeItem(this.#storageKey);
    } catch {
      // Storage is forbidden: there is nothing to remove.
    }
  }

  async #requestToken(): Promise<void> {
    await this.#locking;
    const { stored } = this;
    const result = await callApi('POST /api/livestream/:streamId/join', {
      params: { streamId: this.#streamId },
      body: stored === undefined ? {} : { viewerToken: stored },
      signal: AbortSignal.timeout(TOKEN_TIMEOUT_MS),
    });
    if (result.kind === 'ok') this.store(result.value.viewerToken);
    else this.#settle(stored);
  }

  get #storageKey(): string {
    return `viewer ${this.#streamId}`;
  }

  #settle(token: string | undefined): void {
    this.#isResolved = true;
    this.stopTimers();
    this.#resolve(token);
  }
}
