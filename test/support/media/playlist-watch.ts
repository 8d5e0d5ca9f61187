import HLS from 'hls-parser';
import type { Test } from 'tap';
import type { Livestream } from '../gateway/gateway-process.js';
import { unknownTags } from './playlist-tags.js';

type Targets = { target: number; part: number; holdBack: number };

/** Reads the media playlists of all renditions again and again, and checks what must hold of each at any time. */
export class PlaylistWatch {
  readonly targets = new Map<string, Set<string>>();
  readonly #dates = new Map<string, number>();
  readonly #over = new AbortController();
  readonly #watching: Promise<void>;

  constructor(t: Test, { hls }: Livestream) {
    this.#watching = this.#watch(t, hls);
  }

  async stop(): Promise<void> {
    this.#over.abort();
    await this.#watching;
  }

  async #watch(t: Test, hls: string): Promise<void> {
    while (!this.#over.signal.aborted) {
      const multivariant = await (await fetch(hls)).text();
      for (const [, uri = ''] of multivariant.matchAll(/(?:^|URI=")([^#\n"]+\.m3u8[^\n"]*)/gm)) {
        const response = await fetch(new URL(uri, hls));
        if (response.ok) this.#check(t, uri.split('/').at(-2) ?? '', await response.text());
      }
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }

  #check(t: Test, rendition: string, text: string): void {
    const problems = unknownTags(text);
    if (problems.length > 0) t.fail(`${rendition}: ${problems}`);
    HLS.parse(text);
    const value = (name: string): number => Number(new RegExp(`[:,]${name}=([\\d.]+)`).exec(text)?.[1]);
    const target = Number(/TARGETDURATION:(\d+)/.exec(text)?.[1]);
    const found: Targets = { target, part: value('PART-TARGET'), holdBack: value('PART-HOLD-BACK') };
    const known = this.targets.get(rendition) ?? new Set();
    this.targets.set(rendition, known.add(JSON.stringify(found)));
    let before = 0;
    for (const [, date = ''] of text.matchAll(/PROGRAM-DATE-TIME:(.+)/g)) {
      const at = Date.parse(date);
      if (at < before) t.fail(`${rendition}: dates run backwards by ${before - at} ms`);
      before = at;
    }
    if (before < (this.#dates.get(rendition) ?? 0) - 1)
      t.fail(`${rendition}: the newest date is older than before`);
    if (before > Date.now() + 1_000)
      t.fail(`${rendition}: the newest segment is ${before - Date.now()} ms ahead`);
    this.#dates.set(rendition, before);
  }
}
