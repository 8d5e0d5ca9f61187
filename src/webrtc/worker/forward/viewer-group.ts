import type { MediaSource } from '../receive/media-source.js';
import type { Viewer } from './viewer.js';

/** What the viewers of one broadcast watch in this worker. */
export class ViewerGroup {
  readonly id: string;
  readonly viewers = new Set<Viewer>();
  #mediaSource: MediaSource | undefined;
  #unsubscribe: (() => void) | undefined;

  constructor(id: string) {
    this.id = id;
  }

  addViewer(viewer: Viewer): void {
    this.viewers.add(viewer);
    viewer.setMediaSource(this.#mediaSource);
  }

  /** Shows the feed to all; undefined: none at the moment. */
  setMediaSource(mediaSource: MediaSource | undefined): void {
    if (mediaSource === this.#mediaSource) return;
    this.#mediaSource = mediaSource;
    for (const viewer of this.viewers) viewer.setMediaSource(mediaSource);
  }

  /** Holds what leads to the feed; what was held before is let go. */
  holdSubscription(letGo: (() => void) | undefined): void {
    this.#unsubscribe?.();
    this.#unsubscribe = letGo;
  }

  close(): void {
    this.holdSubscription(undefined);
    for (const viewer of [...this.viewers]) viewer.close('channel-closed');
  }
}
