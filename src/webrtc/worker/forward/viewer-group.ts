import type { MediaSource } from '../receive/media-source.js';
import type { Viewer } from './viewer.js';

/** Viewers of one broadcast in this worker. */
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

  /** Switches all viewers to a source; undefined: none at the moment. */
  setMediaSource(mediaSource: MediaSource | undefined): void {
    if (mediaSource === this.#mediaSource) return;
    this.#mediaSource = mediaSource;
    for (const viewer of this.viewers) viewer.setMediaSource(mediaSource);
  }

  /** Replaces the subscription to the source; the previous one is ended. */
  holdSubscription(unsubscribe: (() => void) | undefined): void {
    this.#unsubscribe?.();
    this.#unsubscribe = unsubscribe;
  }

  close(): void {
    this.holdSubscription(undefined);
    for (const viewer of [...this.viewers]) viewer.close('channel-closed');
  }
}
