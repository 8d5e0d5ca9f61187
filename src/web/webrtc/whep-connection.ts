import type { DeliveryFailure } from '../player/delivery.js';
import type { PeerFailure } from './peer-failure.js';
import { PeerSession } from './peer-session.js';
import { assessHealth, HEALTH_WINDOW_MS, type InboundSample } from './webrtc-health.js';
import { parseData, parseLayers, WHEP_EVENTS, type WhepLayer, type WhepLayers } from './whep-events.js';
import type { WhipWhepSession } from './whip-whep-session.js';

export type WhepConnectionOptions = {
  /** WHEP endpoint of the stream. */
  url: string;
  /** A property of the connection may have changed. */
  onChange: () => void;
  /** Called once, when the first media arrive. */
  onReceiving: () => void;
  /** Called once, when the connection could not be made or is lost; it is closed by then. */
  onFailed: (failure: DeliveryFailure) => void;
  /** Called repeatedly while the quality is poor. */
  onPoor: (failure: DeliveryFailure) => void;
  /** False while missing media is no failure: the publisher is disconnected, as far as the page knows. */
  expectsMedia: () => boolean;
};

/** Measurements of a connection; counters since it was made. */
export type WhepMeasurements = {
  framesDecoded: number;
  framesDropped: number;
  /** Frames per second. */
  frameRate: number | undefined;
  width: number | undefined;
  height: number | undefined;
  freezes: number;
  freezeMs: number;
  packetsReceived: number;
  packetsLost: number;
  retransmitted: number;
  /** Bits per second over the latest sample. */
  bitrate: number | undefined;
  /** MIME type, such as `video/H264`. */
  codec: string | undefined;
  /** Mean time in the jitter buffer over the latest sample. */
  jitterBufferMs: number | undefined;
  roundTripMs: number | undefined;
  /** Media time on screen by the sender reports, and when (`performance.now()`); undefined where browsers do not tell. */
  playout: { mediaTimeMs: number; atMs: number } | undefined;
};

/** From connected to the first media: the server may have to start an encoder and wait for a keyframe. */
const FIRST_MEDIA_TIMEOUT_MS = 6_000;
const SAMPLE_MS = 1_000;
/** Sampling interval before the first media, for a quick change of delivery. */
const EARLY_SAMPLE_MS = 250;
/** Audio without any video packet for this long counts as an audio-only stream. */
const AUDIO_ONLY_AFTER_MS = 2_000;
/** Unix time 0 in NTP time, ms. */
const NTP_EPOCH_MS = 2_208_988_800_000;
/** Reasons of an `end` event that concern the session only: the broadcast may go on. */
const NOT_BROADCAST_END: ReadonlySet<string> = new Set([
  'unavailable',
  'closed',
  'never-connected',
  'lost',
  'worker-died',
]);

/** WHEP connection of one viewer. It does not reconnect: its owner creates another. */
export class WhepConnection {
  /** Received tracks, for a media element. */
  readonly stream = new MediaStream();
  readonly #options: WhepConnectionOptions;
  readonly #peerSession: PeerSession;
  #session: WhipWhepSession | undefined;
  #events: EventSource | undefined;
  #receiving = false;
  #ended = false;
  #active: boolean | undefined;
  #layers: WhepLayers = { layers: [], current: undefined, chosen: undefined };
  #samples: InboundSample[] = [];
  #measurements: WhepMeasurements = NO_MEASUREMENTS;
  #lastCounters: InboundCounters | undefined;
  #audioSinceMs: number | undefined;
  #lastFrameAtMs = performance.now();

  constructor(options: WhepConnectionOptions) {
    this.#options = options;
    this.#peerSession = new PeerSession({
      url: options.url,
      adaptOffer: withStereo,
      onConnected: () => this.#peerConnected(),
      onFailed: (failure) => {
        this.#events?.close();
        options.onFailed(deliveryFailureOf(failure));
      },
    });
  }

  /** True when the server announced the end of the broadcast. */
  get ended(): boolean {
    return this.#ended;
  }

  get closed(): boolean {
    return this.#peerSession.closed;
  }

  /** False while the server announces that nobody publishes. */
  get active(): boolean {
    return this.#active !== false;
  }

  get layers(): WhepLayers {
    return this.#layers;
  }

  get measurements(): WhepMeasurements {
    return this.#measurements;
  }

  /** Milliseconds since a frame, or audio without video, arrived, at the resolution of the samples. */
  get msSinceFrame(): number {
    return performance.now() - this.#lastFrameAtMs;
  }

  async connect(): Promise<void> {
    const { peer } = this.#peerSession;
    peer.addTransceiver('audio', { direction: 'recvonly' });
    peer.addTransceiver('video', { direction: 'recvonly' });
    peer.ontrack = ({ track }) => this.stream.addTrack(track);
    this.#session = await this.#peerSession.connect();
    if (!this.#session) return;
    void this.#subscribeEvents(this.#session);
    this.#scheduleSample();
  }

  /** Requests a layer; undefined leaves the choice to the server. */
  async selectLayer(layer: WhepLayer | undefined): Promise<void> {
    const { layers } = this.#layers;
    const mediaId = (layer ?? layers[0])?.mediaId;
    if (!this.#session || mediaId === undefined) return;
    await this.#session.selectLayer(mediaId, layer?.rid);
  }

  /** Closes the connection and deletes the session on the server. Idempotent. */
  close(): void {
    this.#events?.close();
    void this.#peerSession.close();
  }

  async #subscribeEvents(session: WhipWhepSession): Promise<void> {
    const url = await session.subscribeEvents(WHEP_EVENTS);
    if (url === undefined || this.closed) return;
    const events = new EventSource(url);
    this.#events = events;
    const on = (
      name: (typeof WHEP_EVENTS)[number],
      listener: (data: Record<string, unknown>) => void,
    ): void =>
      events.addEventListener(name, (event) => {
        listener(parseData((event as MessageEvent).data));
        this.#options.onChange();
      });
    on('active', () => {
      this.#active = true;
    });
    on('inactive', () => {
      this.#active = false;
    });
    on('layers', (data) => {
      this.#layers = parseLayers(data);
    });
    on('reconnect', () => this.#peerSession.fail({ kind: 'lost' }));
    on('end', ({ reason }) => {
      if (typeof reason === 'string' && NOT_BROADCAST_END.has(reason)) {
        this.#failWith({ kind: 'unavailable' });
        return;
      }
      this.#ended = true;
      this.close();
    });
  }

  #peerConnected(): void {
    this.#peerSession.after(FIRST_MEDIA_TIMEOUT_MS, () => {
      if (!this.#receiving && this.active && this.#options.expectsMedia())
        this.#failWith({ kind: 'no-media' });
    });
  }

  #failWith(failure: DeliveryFailure): void {
    if (this.closed) return;
    this.close();
    this.#options.onFailed(failure);
  }

  #scheduleSample(): void {
    this.#peerSession.after(this.#receiving ? SAMPLE_MS : EARLY_SAMPLE_MS, () => void this.#sampleStats());
  }

  async #sampleStats(): Promise<void> {
    const report = await this.#peerSession.peer.getStats();
    if (this.closed) return;
    const counters = countersOf(report);
    const before = this.#lastCounters;
    this.#lastCounters = counters;
    if (counters.framesDecoded > (before?.framesDecoded ?? 0)) this.#lastFrameAtMs = counters.atMs;
    else if (counters.framesDecoded === 0 && counters.packetsReceived > (before?.packetsReceived ?? 0))
      this.#lastFrameAtMs = counters.atMs;
    this.#measurements = measurementsBetween(counters, before);
    this.#detectFirstMedia(counters);
    this.#checkHealth(counters);
    this.#options.onChange();
    this.#scheduleSample();
  }

  #detectFirstMedia(counters: InboundCounters): void {
    if (this.#receiving) return;
    if (counters.packetsReceived > 0) this.#audioSinceMs ??= counters.atMs;
    const audioOnly =
      this.#audioSinceMs !== undefined &&
      counters.videoPacketsReceived === 0 &&
      counters.atMs - this.#audioSinceMs >= AUDIO_ONLY_AFTER_MS;
    if (counters.framesDecoded === 0 && !audioOnly) return;
    this.#receiving = true;
    this.#options.onReceiving();
  }

  #checkHealth(counters: InboundCounters): void {
    if (!this.#receiving) return;
    // Browsers decode no frames in hidden pages.
    if (document.visibilityState === 'hidden') {
      this.#samples = [];
      return;
    }
    this.#samples = [
      ...this.#samples.filter(({ atMs }) => atMs >= counters.atMs - 2 * HEALTH_WINDOW_MS),
      counters,
    ];
    const health = assessHealth(this.#samples);
    if (health === 'good') return;
    if (health === 'silent') {
      if (this.active && this.#options.expectsMedia()) this.#options.onPoor({ kind: 'no-media' });
    } else this.#options.onPoor({ kind: health });
  }
}

function deliveryFailureOf(failure: PeerFailure): DeliveryFailure {
  if (failure.kind === 'impossible') return { kind: 'unavailable', detail: failure.detail };
  if (failure.kind !== 'refused') return failure;
  const { status, message, retryAfterS } = failure.refusal;
  const temporary = status === 0 || status === 404 || status === 409 || status === 429 || status >= 500;
  return {
    kind: temporary ? 'unavailable' : 'refused',
    // A temporary failure needs no message of the server.
    ...(temporary ? {} : { detail: message }),
    ...(retryAfterS === undefined ? {} : { retryAfterS }),
  };
}

/** Requests stereo: browsers negotiate Opus as mono otherwise (RFC 7587 section 6.1, `stereo`). */
function withStereo(sdp: string): string {
  const payloadType = /^a=rtpmap:(\d+) opus\/48000\/2/im.exec(sdp)?.[1];
  if (payloadType === undefined) return sdp;
  return sdp.replace(new RegExp(`^a=fmtp:${payloadType} (?!.*\\bstereo=)(.*)$`, 'm'), (line) => {
    const [text, end] = line.endsWith('\r') ? [line.slice(0, -1), '\r'] : [line, ''];
    return `${text};stereo=1${end}`;
  });
}

type InboundCounters = InboundSample & {
  framesDropped: number;
  frameRate: number | undefined;
  width: number | undefined;
  height: number | undefined;
  bytes: number;
  codec: string | undefined;
  bufferDelayS: number;
  bufferEmittedCount: number;
  playout: WhepMeasurements['playout'];
};

const NO_MEASUREMENTS: WhepMeasurements = {
  framesDecoded: 0,
  framesDropped: 0,
  frameRate: undefined,
  width: undefined,
  height: undefined,
  freezes: 0,
  freezeMs: 0,
  packetsReceived: 0,
  packetsLost: 0,
  retransmitted: 0,
  bitrate: undefined,
  codec: undefined,
  jitterBufferMs: undefined,
  roundTripMs: undefined,
  playout: undefined,
};

/** Fields that the DOM types lack; browsers omit those they do not support. */
type InboundStats = RTCInboundRtpStreamStats & {
  freezeCount?: number;
  totalFreezesDuration?: number;
  retransmittedPacketsReceived?: number;
  /** NTP ms (since 1900) of the frame on screen, by the sender reports. */
  estimatedPlayoutTimestamp?: number;
};

function countersOf(report: RTCStatsReport): InboundCounters {
  let video: InboundStats | undefined;
  let audio: InboundStats | undefined;
  let roundTripMs: number | undefined;
  const codecs = new Map<string, string>();
  for (const entry of report.values()) {
    if (entry.type === 'inbound-rtp' && entry.kind === 'video') video = entry;
    if (entry.type === 'inbound-rtp' && entry.kind === 'audio') audio = entry;
    if (entry.type === 'codec') codecs.set(entry.id, entry.mimeType);
    if (entry.type === 'candidate-pair' && entry.nominated && entry.currentRoundTripTime !== undefined)
      roundTripMs = entry.currentRoundTripTime * 1_000;
  }
  const primary = video?.framesDecoded ? video : audio;
  return {
    atMs: performance.now(),
    packetsReceived: (video?.packetsReceived ?? 0) + (audio?.packetsReceived ?? 0),
    packetsLost: (video?.packetsLost ?? 0) + (audio?.packetsLost ?? 0),
    videoPacketsReceived: video?.packetsReceived ?? 0,
    framesDecoded: video?.framesDecoded ?? 0,
    framesDropped: video?.framesDropped ?? 0,
    frameRate: video?.framesPerSecond,
    width: video?.frameWidth,
    height: video?.frameHeight,
    freezes: video?.freezeCount ?? 0,
    freezeMs: (video?.totalFreezesDuration ?? 0) * 1_000,
    retransmitted: video?.retransmittedPacketsReceived ?? 0,
    bytes: (video?.bytesReceived ?? 0) + (audio?.bytesReceived ?? 0),
    codec: codecs.get(primary?.codecId ?? ''),
    bufferDelayS: primary?.jitterBufferDelay ?? 0,
    bufferEmittedCount: primary?.jitterBufferEmittedCount ?? 0,
    roundTripMs,
    playout: playoutOf(primary),
  };
}

function playoutOf(stats: InboundStats | undefined): WhepMeasurements['playout'] {
  const ntpMs = stats?.estimatedPlayoutTimestamp ?? 0;
  if (!stats || ntpMs <= NTP_EPOCH_MS) return undefined;
  return { mediaTimeMs: ntpMs - NTP_EPOCH_MS, atMs: performance.now() };
}

function measurementsBetween(now: InboundCounters, before: InboundCounters | undefined): WhepMeasurements {
  const seconds = before ? (now.atMs - before.atMs) / 1_000 : 0;
  const emitted = now.bufferEmittedCount - (before?.bufferEmittedCount ?? 0);
  const delayS = now.bufferDelayS - (before?.bufferDelayS ?? 0);
  const { framesDecoded, framesDropped, frameRate, width, height, freezes, retransmitted } = now;
  return {
    ...{ framesDecoded, framesDropped, frameRate, width, height, freezes, retransmitted },
    freezeMs: Math.round(now.freezeMs),
    packetsReceived: now.packetsReceived,
    packetsLost: now.packetsLost,
    bitrate: before && seconds > 0 ? Math.round(((now.bytes - before.bytes) * 8) / seconds) : undefined,
    codec: now.codec,
    jitterBufferMs: emitted > 0 && delayS >= 0 ? (delayS / emitted) * 1_000 : undefined,
    roundTripMs: now.roundTripMs,
    playout: now.playout,
  };
}
