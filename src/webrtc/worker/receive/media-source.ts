import type { Clock } from '../../../platform/index.js';
import type { RtcVideoCodec } from '../../media-plan.js';
import { Layer } from './layer.js';

/** What is told of a feed. Nothing may throw. */
export type MediaSourceListener = {
  /** A layer has begun or stopped to be sent, or has another size. */
  layersChanged(): void;
  sourceEnded(): void;
};

export type MediaSourceFormat = {
  /** Layers of the picture in the publisher's order, by rid; one empty name when there is only one. */
  video?: { codec: RtcVideoCodec; rids: readonly string[] };
  audio: boolean;
};

export type MediaSourceOptions = {
  id: string;
  format: MediaSourceFormat;
  clock: Clock;
  /** False: the sound's timestamps are not a count of samples, which stands still while there are none. */
  countsSamples?: boolean;
  requestKeyframe(layer: Layer): void;
};

/** ms between looks at which layers are being sent. */
const LAYER_CHECK_MS = 500;

/** Media of one source, wherever it is: a publisher here, a publisher in another worker, an encoder. */
export class MediaSource {
  readonly id: string;
  readonly format: MediaSourceFormat;
  /** Of the picture. */
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

  /** Video layers and the sound, in an order that is the same in every worker. */
  get allLayers(): Layer[] {
    return this.audio ? [...this.layers, this.audio] : [...this.layers];
  }

  /** Those that are sent at the moment, the smallest first. */
  activeLayers(at: number): Layer[] {
    return this.layers.filter((layer) => layer.active).sort((a, b) => weight(a, at) - weight(b, at));
  }

  addListener(listener: MediaSourceListener): void {
    this.#listeners.add(listener);
  }

  removeListener(listener: MediaSourceListener): void {
    this.#listeners.delete(listener);
  }

  /** Tells the listeners when the layers are not what they were. */
  checkLayers(): void {
    const state = this.layers
      .map((layer) => `${layer.active} ${layer.size?.width}x${layer.size?.height}`)
      .join();
    if (state === this.#state) return;
    this.#state = state;
    for (const listener of this.#listeners) listener.layersChanged();
  }

  /** Idempotent. */
  endSource(): void {
    if (this.ended) return;
    this.#life.abort();
    for (const layer of this.allLayers) layer.close();
    for (const listener of [...this.#listeners]) listener.sourceEnded();
    this.#listeners.clear();
  }
}

/** By size where it is known, else by bitrate: what costs more is taken to be better. */
function weight(layer: Layer, at: number): number {
  return layer.size ? layer.size.width * layer.size.height * 1000 : layer.meter.bitrate(at) / 1000;
}
