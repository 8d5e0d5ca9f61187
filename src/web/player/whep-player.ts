import type { PlayerPhase } from '../pages/playback-state.js';
import type { WhepConnection } from '../webrtc/whep-connection.js';
import { layerLabels, type WhepLayer } from '../webrtc/whep-events.js';
import type { Choice, LivePlayer, PlayerOptions, PlayerStats, PlayerView } from './live-player.js';
import { VideoWatch } from './video-monitor.js';

/** Longer than this without a new picture is worth a word on the page; samples come once a second. */
const STILL_MS = 2_000;

/** Shows one WebRTC connection in the video element. The connection is not its own: whoever made it closes it. */
export class WhepPlayer implements LivePlayer {
  readonly connection: WhepConnection;
  readonly #options: PlayerOptions;
  readonly #watch: VideoWatch;
  #chosen = 'auto';
  #asked = 'auto';
  #current: string | undefined;
  #layerSwitches = 0;
  /** When the element last got a picture to show; 0 before the first. */
  #pictureAt = 0;
  #pictureCallback = 0;

  constructor(options: PlayerOptions, connection: WhepConnection) {
    this.#options = options;
    this.connection = connection;
    this.#watch = new VideoWatch(options.video, options.still, options.onChange);
    this.#watch.silenced = options.silenced ?? false;
  }

  start(): void {
    const { video } = this.#options;
    video.srcObject = this.connection.stream;
    this.#followPictures();
    this.play();
  }

  /** The connection has something new to tell. */
  connectionChanged(): void {
    const { current } = this.connection.layers;
    if (current !== this.#current) {
      if (this.#current !== undefined && current !== undefined) this.#layerSwitches += 1;
      this.#current = current;
    }
    if (this.#chosen !== this.#asked) this.#ask();
  }

  view(): PlayerView {
    const behind = this.#estimate();
    return {
      phase: this.#phase(),
      audioOnly: this.#options.video.videoWidth === 0,
      choices: this.#choices(),
      chosen: this.#chosen,
      delivery: 'webrtc',
      ...(behind === undefined ? {} : { behind }),
      late: false,
      silenced: this.#watch.silenced,
    };
  }

  stats(): PlayerStats {
    const { video } = this.#options;
    const { measures } = this.connection;
    const labels = layerLabels(this.connection.layers.layers);
    return {
      phase: this.#phase(),
      delivery: 'webrtc',
      webrtc: measures,
      latency: this.#estimate(),
      targetLatency: undefined,
      level: this.#currentLabel() ?? (measures.height ? `${measures.height}p` : undefined),
      levels: labels,
      levelSwitches: this.#layerSwitches,
      stalls: measures.freezes,
      stalledMs: measures.freezeMs,
      buffered: (measures.jitterBufferMs ?? 0) / 1_000,
      playbackRate: video.playbackRate,
      droppedFrames: measures.framesDropped,
      totalFrames: measures.framesDecoded,
      rebuilds: 0,
      errors: [],
    };
  }

  choose(id: string): void {
    this.#chosen = id;
    this.#ask();
    this.#options.onChange();
  }

  goLive(): void {
    this.play();
  }

  play(): void {
    void this.#watch.play();
  }

  close(): void {
    const { video } = this.#options;
    this.#watch.close();
    if (this.#pictureCallback !== 0) video.cancelVideoFrameCallback(this.#pictureCallback);
    video.srcObject = null;
  }

  #followPictures(): void {
    const { video } = this.#options;
    // Not in every browser.
    if (!('requestVideoFrameCallback' in video)) return;
    const seen = (): void => {
      const still = this.#pictureAt === 0 || performance.now() - this.#pictureAt > STILL_MS;
      this.#pictureAt = performance.now();
      if (still) this.#options.onChange();
      this.#pictureCallback = video.requestVideoFrameCallback(seen);
    };
    this.#pictureCallback = video.requestVideoFrameCallback(seen);
  }

  #phase(): PlayerPhase {
    if (this.connection.ended) return 'ended';
    const phase = this.#watch.phase();
    if (phase === 'refused' || phase === 'paused') return phase;
    if (this.connection.closed) return 'broken';
    // The end of a remote track is no end of the broadcast.
    if (phase === 'ended' || phase === 'loading') return 'loading';
    const still = Math.min(performance.now() - this.#pictureAt, this.connection.stillFor);
    const patience = this.connection.active ? STILL_MS : STILL_MS / 2;
    return still > patience ? 'waiting' : 'playing';
  }

  /** Seconds from the server to the screen; what lies before the server is not known here. */
  #estimate(): number | undefined {
    const { jitterBufferMs, roundTripMs } = this.connection.measures;
    if (jitterBufferMs === undefined) return undefined;
    return (jitterBufferMs + (roundTripMs ?? 0) / 2) / 1_000;
  }

  #choices(): Choice[] {
    const { layers } = this.connection.layers;
    if (layers.length < 2) return [];
    const current = this.#currentLabel();
    const labels = layerLabels(layers);
    const pixels = ({ width, height, bitrate }: WhepLayer): number =>
      (width ?? 0) * (height ?? 0) || (bitrate ?? 0);
    return [
      { id: 'auto', label: this.#chosen === 'auto' && current ? `Auto (${current})` : 'Auto' },
      ...layers
        .map((layer, index) => ({ layer, label: labels[index] ?? layer.rid }))
        .filter(({ layer }) => layer.active || layer.rid === this.#chosen)
        .sort((one, other) => pixels(other.layer) - pixels(one.layer))
        .map(({ layer, label }) => ({ id: layer.rid, label })),
    ];
  }

  #currentLabel(): string | undefined {
    const { layers, current } = this.connection.layers;
    return layerLabels(layers)[layers.findIndex(({ rid }) => rid === current)];
  }

  /** Tells the server of the choice, when it has such a layer: a rid, or a label as other players have them. */
  #ask(): void {
    const { layers } = this.connection.layers;
    const layer =
      layers.find(({ rid }) => rid === this.#chosen) ?? layers[layerLabels(layers).indexOf(this.#chosen)];
    if (this.#chosen !== 'auto' && !layer) return;
    this.#chosen = layer?.rid ?? 'auto';
    this.#asked = this.#chosen;
    void this.connection.selectLayer(layer);
  }
}
