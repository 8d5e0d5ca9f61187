import type { Clock } from '../../../platform/index.js';
import type { RtcVideoCodec } from '../../media-plan.js';
import { Layer } from './layer.js';

/** Listener of a media source. Methods must not throw. */
export type MediaSourceListener = {
  /** A layer became active or inactive, or changed its size. */
  layersChanged(): void;
  sourceEnded(): void;
};

export type MediaSourceFormat = {
  /** Video layers by rid, in the publisher's order; one empty rid for a single layer. */
  video?: {
    codec: RtcVideoCodec;
    rids: readonly string[];
    /** Keyframes cannot be requested. */
    fixedKeyframes?: true;
  };
  audio: boolean;
};

export type MediaSourceOptions = {
  id: string;
  format: MediaSourceFormat;
  clock: Clock;
  /** False when audio timestamps are not a sample count that stops without samples. */
  countsSamples?: boolean;
  requestKeyframe(layer: Layer): void;
};

/** Interval of the check for active layers, ms. */
const LAYER_CHECK_MS = 500;

/** Media of one origin: a publisher of this or another worker, or an encoder. */
export class MediaSource {
  readonly id: string;
  readonly format: MediaSourceFormat;
  /** Video layers. */
  readonly layers: readonly Layer[];
  readonly audio: Layer | undefined;
  readonly #listeners = new Set<MediaSourceListener>();
  readonly #life = new AbortController();
  #state = '';

  constructor(options: MediaSourceOptions) {
    const { id, format, clock } = options;
    this.id = id;
    this.format = format;
    const { video } = format;
    this.layers = (video?.rids ?? []).map((rid) => {
      const layer: Layer = new Layer({
        kind: 'video',
        rid,
        codec: video!.codec,
        clock,
        fixedKeyframes: video!.fixedKeyframes === true,
        requestKeyframe: () => options.requestKeyframe(layer),
      });
      return layer;
    });
    this.audio = format.audio
      ? new Layer({
          ...{ kind: 'audio', rid: '', clock, countsSamples: options.countsSamples !== false },
          requestKeyframe: () => {},
        })
      : undefined;
    if (this.layers.length > 0) clock.every(LAYER_CHECK_MS, () => this.checkLayers(), this.#life.signal);
  }

  get ended(): boolean {
    return this.#life.signal.aborted;
  }

  /** Video layers and audio, in an order that is the same in every worker. */
  get allLayers(): Layer[] {
    return this.audio ? [...this.layers, this.audio] : [...this.layers];
  }

  /** Returns the active video layers, lowest quality first. */
  activeLayers(at: number): Layer[] {
    return this.layers.filter((layer) => layer.active).sort((a, b) => weight(a, at) - weight(b, at));
  }

  addListener(listener: MediaSourceListener): void {
    this.#listeners.add(listener);
  }

  removeListener(listener: MediaSourceListener): void {
    this.#listeners.delete(listener);
  }

  /** Notifies listeners when layers have changed. */
  checkLayers(): void {
    const state = this.layers
      .map((layer) => `${layer.active} ${layer.size?.width}x${layer.size?.height}`)
      .join();
    if (state === this.#state) return;
    this.#state = state;
    for (const listener of this.#listeners) listener.layersChanged();
  }

  /** Ends the source and notifies listeners. Idempotent. */
  endSource(): void {
    if (this.ended) return;
    this.#life.abort();
    for (const layer of this.allLayers) layer.close();
    for (const listener of [...this.#listeners]) listener.sourceEnded();
    this.#listeners.clear();
  }
}

/** Ranks a layer by picture size where known, else by bitrate. */
function weight(layer: Layer, at: number): number {
  return layer.size ? layer.size.width * layer.size.height * 1000 : layer.meter.bitrate(at) / 1000;
}
