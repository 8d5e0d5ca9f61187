/** The socket mostly answers sooner; where it does not, HTTP is tried beside it. */
const ASK_AFTER_MS = 1_500;
/** Longer than this nobody waits for a picture because no token is to be had. */
const LONGEST_WAIT_MS = 3_000;

/** The viewer token by which the server knows this tab, so that it counts once however it watches. */
export class TabToken {
  /** Undefined when it takes too long or there is none for us. */
  readonly known: Promise<string | undefined>;
  readonly #streamId: string;
  readonly #timers: ReturnType<typeof setTimeout>[] = [];
  #settle: (token: string | undefined) => void = () => {};
  #settled = false;
  #asking: Promise<void> | undefined;
  readonly #claiming: Promise<void>;
  #release: (() => void) | undefined;
  /** For where storage is forbidden. */
  #last: string | undefined;

  constructor(streamId: string) {
    this.#streamId = streamId;
    this.known = new Promise((resolve) => {
      this.#settle = resolve;
    });
    this.#claiming = this.#claim();
  }

  start(): void {
    this.#timers.push(
      setTimeout(() => void this.ask(), ASK_AFTER_MS),
      setTimeout(() => this.#done(undefined), LONGEST_WAIT_MS),
    );
  }

  /** Kept as long as the tab: a page that is loaded again is the same viewer. */
  get stored(): string | undefined {
    try {
      return sessionStorage.getItem(this.#name) ?? undefined;
    } catch {
      return this.#last; // storage is forbidden here
    }
  }

  take(token: string): void {
    const isNew = token !== this.stored;
    this.#last = token;
    try {
      sessionStorage.setItem(this.#name, token);
    } catch {
      // As above.
    }
    if (isNew) void this.#claim();
    this.#done(token);
  }

  /** There is no place for us at the moment: it is waited for. */
  wait(): void {
    this.#clear();
  }

  /** Joins by HTTP, unless the token is known already. Never rejects. */
  ask(): Promise<void> {
    if (this.#settled) return Promise.resolve();
    this.#asking ??= this.#ask().finally(() => {
      this.#asking = undefined;
    });
    return this.#asking;
  }

  /** Done when nothing is under way that would make a second viewer of us, or one viewer of two tabs. */
  async quiet(): Promise<void> {
    await this.#claiming;
    await this.#asking;
  }

  /** Says goodbye, also while the page is being taken away. */
  leave(): void {
    const token = this.stored;
    if (token !== undefined)
      navigator.sendBeacon(this.#path('leave'), JSON.stringify({ viewerToken: token }));
  }

  /** Whoever uses this tab from now on is another viewer. */
  forget(): void {
    this.leave();
    this.#drop();
  }

  close(): void {
    this.#release?.();
    this.#done(undefined);
  }

  /**
   * A tab that was duplicated has got the token of the other one as well: it lets it go while the other one is there.
   * (Browsers have locks only for pages that come by TLS or from the same machine.)
   */
  #claim(): Promise<void> {
    const { stored } = this;
    if (stored === undefined || !('locks' in navigator)) return Promise.resolve();
    return new Promise((decided) => {
      const held = (lock: Lock | null): Promise<void> | undefined => {
        if (!lock) this.#drop();
        decided();
        if (!lock) return undefined;
        this.#release?.();
        return new Promise((release) => {
          this.#release = release;
        });
      };
      navigator.locks.request(`viewer ${stored}`, { ifAvailable: true }, held).catch(() => decided());
    });
  }

  #drop(): void {
    this.#last = undefined;
    try {
      sessionStorage.removeItem(this.#name);
    } catch {
      // As above.
    }
  }

  async #ask(): Promise<void> {
    await this.#claiming;
    const { stored } = this;
    try {
      const response = await fetch(this.#path('join'), {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(stored === undefined ? {} : { viewerToken: stored }),
        signal: AbortSignal.timeout(LONGEST_WAIT_MS),
      });
      if (!response.ok) throw new Error(`status ${response.status}`);
      this.take(((await response.json()) as { viewerToken: string }).viewerToken);
    } catch {
      this.#done(stored);
    }
  }

  get #name(): string {
    return `viewer ${this.#streamId}`;
  }

  #path(what: string): string {
    return `/api/livestream/${encodeURIComponent(this.#streamId)}/${what}`;
  }

  #done(token: string | undefined): void {
    this.#settled = true;
    this.#clear();
    this.#settle(token);
  }

  #clear(): void {
    for (const timer of this.#timers.splice(0)) clearTimeout(timer);
  }
}
