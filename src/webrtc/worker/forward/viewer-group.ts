import type { MediaSource } from '../receive/media-source.js';
import type { Viewer } from './viewer.js';

/** What the viewers of one broadcast watch in this worker. */
export class ViewerGroup {
  readonly id: string;
  readonly viewers = new Set<Viewer>();
  #mediaSource: MediaSource | undefined;
  #letGo: (() => void) | undefined;

  constructor(id: string) {
    this.id = id;
  }

  add(viewer: Viewer): void {
    this.viewers.add(viewer);
    viewer.watch(this.#mediaSource);
  }

  /** Shows the feed to all; undefined: none at the moment. */
  show(mediaSource: MediaSource | undefined): void {
    if (mediaSource === this.#mediaSource) return;
    this.#mediaSource = mediaSource;
    for (const viewer of this.viewers) viewer.watch(mediaSource);
  }

  /** Holds what leads to the feed; what was held before is let go. */
  hold(letGo: (() => void) | undefined): void {
    this.#letGo?.();
    this.#letGo = letGo;
  }

  close(): void {
    this.hold(undefined);
    for (const viewer of [...this.viewers]) viewer.end('channel-closed');
  }
}
