import type { ChatReplay } from '../../api/contract.js';

export type ReplayedMessage = ChatReplay['messages'][number];

/** Duration of the windows in which messages are loaded, s. */
const WINDOW_S = 60;
/** Pages of a window that are loaded; of a busier minute the rest is left out. */
const MAXIMUM_PAGES = 5;
/** Windows that are kept. */
const MAXIMUM_WINDOWS = 10;
/** Messages that are shown. */
const MAXIMUM_SHOWN = 200;
/** Wait after a failure, ms. */
const RETRY_MS = 5_000;

export type LoadReplay = (query: {
  fromS: number;
  toS: number;
  after: string | undefined;
}) => Promise<ChatReplay | undefined>;

/** Messages beside a recording: loaded by the minute around the playhead. */
export class ReplayWindows {
  readonly #load: LoadReplay;
  readonly #onChange: () => void;
  /** By number; that loaded last is at the end. */
  readonly #windows = new Map<number, readonly ReplayedMessage[]>();
  readonly #retryAtMs = new Map<number, number>();
  readonly #loading = new Set<number>();

  constructor(load: LoadReplay, onChange: () => void) {
    this.#load = load;
    this.#onChange = onChange;
  }

  /** Returns the newest messages up to a position, and loads what is missing around it. */
  upTo(positionS: number): readonly ReplayedMessage[] {
    const current = Math.floor(Math.max(0, positionS) / WINDOW_S);
    const numbers = [current - 1, current].filter((number) => number >= 0);
    for (const number of [...numbers.toReversed(), current + 1]) this.#ensure(number);
    return numbers
      .flatMap((number) => this.#windows.get(number) ?? [])
      .filter((message) => message.positionS <= positionS)
      .slice(-MAXIMUM_SHOWN);
  }

  #ensure(number: number): void {
    const isKnown = this.#windows.has(number) || this.#loading.has(number);
    if (isKnown || Date.now() < (this.#retryAtMs.get(number) ?? 0)) return;
    this.#loading.add(number);
    void this.#loadWindow(number).then((messages) => {
      this.#loading.delete(number);
      this.#retryAtMs.delete(number);
      if (messages) this.#windows.set(number, messages);
      else this.#retryAtMs.set(number, Date.now() + RETRY_MS);
      for (const oldest of this.#windows.keys())
        if (this.#windows.size > MAXIMUM_WINDOWS) this.#windows.delete(oldest);
      this.#onChange();
    });
  }

  async #loadWindow(number: number): Promise<ReplayedMessage[] | undefined> {
    const messages: ReplayedMessage[] = [];
    for (let page = 0; page < MAXIMUM_PAGES; page++) {
      const after = messages.at(-1)?.message.id;
      const loaded = await this.#load({ fromS: number * WINDOW_S, toS: (number + 1) * WINDOW_S, after });
      if (!loaded) return undefined;
      messages.push(...loaded.messages);
      if (!loaded.more) break;
    }
    return messages;
  }
}
