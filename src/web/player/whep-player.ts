import { serverClock } from '../api/server-clock.js';
import { playerTexts } from '../texts/player.js';
import type { WhepConnection } from '../webrtc/whep-connection.js';
import { layerLabels, type WhepLayer } from '../webrtc/whep-events.js';
import type { LivePlayer, PlayerOptions, PlayerStats, PlayerView, QualityChoice } from './live-player.js';
import { latencyOf } from './playback-latency.js';
import type { PlayerPhase } from './player-phase.js';
import { VideoMonitor } from './video-monitor.js';

/** Time without a new frame that is shown as a stall; statistics are sampled once a second. */
const STALL_MS = 2_000;

/** Renders a WHEP connection in the video element; the owner of the connection closes it. */
export class WhepPlayer implements LivePlayer {
  readonly connection: WhepConnection;
  readonly #options: PlayerOptions;
  readonly #monitor: VideoMonitor;
  #chosenId = 'auto';
  #requestedId = 'auto';
  #currentRid: string | undefined;
  #layerSwitches = 0;
  /** Time of the last rendered frame; 0 before the first. */
  #lastFrameAtMs = 0;
  #frameCallback = 0;

  constructor(options: PlayerOptions, connection: WhepConnection) {
    this.#options = options;
    this.connection = connection;
    this.#monitor = new VideoMonitor(options.video, options.still, options.onChange);
    this.#monitor.mutedByBrowser = options.mutedByBrowser ?? false;
  }

  start(): void {
    const { video } = this.#options;
    video.srcObject = this.connection.stream;
    this.#observeFrames();
    this.play();
  }

  /** Called when layers or measurements of the connection have changed. */
  connectionChanged(): void {
    const { current } = this.connection.layers;
    if (current !== this.#currentRid) {
      if (this.#currentRid !== undefined && current !== undefined) this.#layerSwitches += 1;
      this.#currentRid = current;
    }
    if (this.#chosenId !== this.#requestedId) this.#requestLayer();
  }

  view(): PlayerView {
    const { latencyS, isEstimated, playbackTimeMs } = this.#latency();
    return {
      phase: this.#phase(),
      audioOnly: this.#options.video.videoWidth === 0,
      choices: this.#choices(),
      chosenId: this.#chosenId,
      delivery: 'webrtc',
      ...(latencyS === undefined ? {} : { latencyS, isLatencyEstimated: isEstimated }),
      ...(playbackTimeMs === undefined ? {} : { playbackTimeMs }),
      isLate: false,
      mutedByBrowser: this.#monitor.mutedByBrowser,
    };
  }

  stats(): PlayerStats {
    const { video } = this.#options;
    const { measurements } = this.connection;
    const labels = layerLabels(this.connection.layers.layers);
    return {
      phase: this.#phase(),
      delivery: 'webrtc',
      webrtc: measurements,
      latencyS: this.#latency().latencyS,
      edgeDistanceS: undefined,
      targetLatencyS: undefined,
      level: this.#currentLabel() ?? (measurements.height ? `${measurements.height}p` : undefined),
      levels: labels,
      levelSwitches: this.#layerSwitches,
      stalls: measurements.freezes,
      stalledMs: measurements.freezeMs,
      bufferedS: (measurements.jitterBufferMs ?? 0) / 1_000,
      bitrate: measurements.bitrate,
      playbackRate: video.playbackRate,
      droppedFrames: measurements.framesDropped,
      totalFrames: measurements.framesDecoded,
      rebuilds: 0,
      errors: [],
    };
  }

  chooseQuality(id: string): void {
    this.#chosenId = id;
    this.#requestLayer();
    this.#options.onChange();
  }

  goLive(): void {
    this.play();
  }

  play(): void {
    void this.#monitor.play();
  }

  close(): void {
    const { video } = this.#options;
    this.#monitor.close();
    if (this.#frameCallback !== 0) video.cancelVideoFrameCallback(this.#frameCallback);
    video.srcObject = null;
  }

  #observeFrames(): void {
    const { video } = this.#options;
    // Not supported by every browser.
    if (!('requestVideoFrameCallback' in video)) return;
    const frameShown = (): void => {
      const stalled = this.#lastFrameAtMs === 0 || performance.now() - this.#lastFrameAtMs > STALL_MS;
      this.#lastFrameAtMs = performance.now();
      if (stalled) this.#options.onChange();
      this.#frameCallback = video.requestVideoFrameCallback(frameShown);
    };
    this.#frameCallback = video.requestVideoFrameCallback(frameShown);
  }

  #phase(): PlayerPhase {
    if (this.connection.ended) return 'ended';
    const phase = this.#monitor.phase();
    if (phase === 'refused' || phase === 'paused') return phase;
    if (this.connection.closed) return 'broken';
    // Remote tracks end with the connection, not with the broadcast.
    if (phase === 'ended' || phase === 'loading') return 'loading';
    const stalledMs = Math.min(performance.now() - this.#lastFrameAtMs, this.connection.msSinceFrame);
    const limitMs = this.connection.active ? STALL_MS : STALL_MS / 2;
    return stalledMs > limitMs ? 'waiting' : 'playing';
  }

  /** Returns the latency by the sender reports, else an estimate of the way from the server. */
  #latency(): { latencyS?: number; isEstimated: boolean; playbackTimeMs?: number } {
    const { jitterBufferMs, roundTripMs, playout } = this.connection.measurements;
    const nowMs = serverClock.measuredNow();
    const wayMs = jitterBufferMs === undefined ? undefined : jitterBufferMs + (roundTripMs ?? 0) / 2;
    if (playout) {
      const playbackTimeMs = playout.mediaTimeMs + (performance.now() - playout.atMs);
      const latencyS = latencyOf(playbackTimeMs);
      if (latencyS === undefined) return { isEstimated: false, playbackTimeMs };
      // No picture is on screen sooner than its way takes: it was dated later than it arrived.
      return { isEstimated: false, playbackTimeMs, latencyS: Math.max(latencyS, (wayMs ?? 0) / 1_000) };
    }
    if (wayMs === undefined) return { isEstimated: true };
    return {
      ...{ latencyS: wayMs / 1_000, isEstimated: true },
      ...(nowMs === undefined ? {} : { playbackTimeMs: nowMs - wayMs }),
    };
  }

  #choices(): QualityChoice[] {
    const { layers } = this.connection.layers;
    if (layers.length < 2) return [];
    const current = this.#currentLabel();
    const labels = layerLabels(layers);
    const pixels = ({ width, height, bitrate }: WhepLayer): number =>
      (width ?? 0) * (height ?? 0) || (bitrate ?? 0);
    return [
      {
        id: 'auto',
        label: this.#chosenId === 'auto' && current ? `${playerTexts.auto} (${current})` : playerTexts.auto,
      },
      ...layers
        .map((layer, index) => ({ layer, label: labels[index] ?? layer.rid }))
        .filter(({ layer }) => layer.active || layer.rid === this.#chosenId)
        .sort((one, other) => pixels(other.layer) - pixels(one.layer))
        .map(({ layer, label }) => ({ id: layer.rid, label })),
    ];
  }

  #currentLabel(): string | undefined {
    const { layers, current } = this.connection.layers;
    return layerLabels(layers)[layers.findIndex(({ rid }) => rid === current)];
  }

  /** Requests the chosen layer, given as a rid or as a label, once the server has announced it. */
  #requestLayer(): void {
    const { layers } = this.connection.layers;
    const layer =
      layers.find(({ rid }) => rid === this.#chosenId) ?? layers[layerLabels(layers).indexOf(this.#chosenId)];
    if (this.#chosenId !== 'auto' && !layer) return;
    this.#chosenId = layer?.rid ?? 'auto';
    this.#requestedId = this.#chosenId;
    void this.connection.selectLayer(layer);
  }
}
