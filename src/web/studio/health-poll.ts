import type { Health } from '../../api/contract.js';
import { callApi } from '../api/api-client.js';
import { translatedFindings } from '../locale/finding-messages.js';
import { merged } from './health-samples.js';

const POLL_MS = 1_000;

/** Reads the health of a livestream every second, and only the samples that are new. */
export class HealthPoll {
  readonly #streamId: string;
  readonly #onChange: (health: Health) => void;
  #health: Health | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #closed = false;

  constructor(streamId: string, onChange: (health: Health) => void) {
    this.#streamId = streamId;
    this.#onChange = onChange;
  }

  start(): void {
    void this.#read();
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }

  async #read(): Promise<void> {
    if (document.visibilityState === 'visible') {
      const since = this.#health?.series.at.at(-1);
      const result = await callApi('GET /api/livestream/:streamId/health', {
        params: { streamId: this.#streamId },
        ...(since === undefined ? {} : { query: { since: String(since) } }),
      });
      if (this.#closed) return;
      if (result.kind === 'ok') {
        this.#health = merged(this.#health, result.value.health);
        const { findings, pastFindings } = this.#health;
        const translated = {
          findings: await translatedFindings(findings),
          pastFindings: await translatedFindings(pastFindings),
        };
        if (!this.#closed) this.#onChange({ ...this.#health, ...translated });
      }
    }
    this.#timer = setTimeout(() => void this.#read(), POLL_MS);
  }
}
