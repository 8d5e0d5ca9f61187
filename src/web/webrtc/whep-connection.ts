import type { Trouble } from '../player/delivery.js';
import type { PeerFailure } from './peer-failure.js';
import { PeerSession } from './peer-session.js';
import { HEALTH_WINDOW_MS, type InboundSample, judgeHealth } from './webrtc-health.js';
import { parseData, parseLayers, WHEP_EVENTS, type WhepLayer, type WhepLayers } from './whep-events.js';
import type { WhipWhepSession } from './whip-whep-session.js';

export type WhepOptions = {
  /** The WHEP endpoint of the stream. */
  url: string;
  /** Something that can be read here may have changed. */
  onChange: () => void;
  /** Media arrive: called once. */
  onFlowing: () => void;
  /** It cannot be had, or is lost; the connection is over. */
  onFailed: (trouble: Trouble) => void;
  /** It stands but is not worth watching. May be called again and again. */
  onPoor: (trouble: Trouble) => void;
  /** The stream should be delivering: silence is a fault, and no pause of the publisher's. */
  expectsMedia: () => boolean;
};

/** What can be measured of a connection; sums since it was made. */
export type WhepMeasures = {
  framesDecoded: number;
  framesDropped: number;
  /** Frames a second. */
  frameRate: number | undefined;
  width: number | undefined;
  height: number | undefined;
  freezes: number;
  freezeMs: number;
  packetsReceived: number;
  packetsLost: number;
  retransmitted: number;
  /** Bits per second over the last second. */
  bitrate: number | undefined;
  /** As in `video/H264`. */
  codec: string | undefined;
  /** Time that media wait in the browser's buffer, over the last second. */
  jitterBufferMs: number | undefined;
  roundTripMs: number | undefined;
};

/** From a standing connection to the first picture: the server may have to start an encoder and wait for a keyframe. */
const FIRST_MEDIA_MS = 6_000;
const SAMPLE_MS = 1_000;
/** Before anything arrived, so that a change of delivery takes no longer than it must. */
const EARLY_SAMPLE_MS = 250;
/** Sound that comes without any picture for so long comes alone. */
const SOUND_ALONE_MS = 2_000;
/** Reasons of an `end` event that are no end of the broadcast: it may go on by other ways. */
const NO_END: ReadonlySet<string> = new Set([
  'unavailable',
  'closed',
  'never-connected',
  'lost',
  'worker-died',
]);

/** One WebRTC connection by WHEP, from the offer to its end. It does not recover: another is made instead. */
export class WhepConnection {
  /** What arrives; to be given to a media element. */
  readonly stream = new MediaStream();
  readonly #options: WhepOptions;
  readonly #link: PeerSession;
  #session: WhipWhepSession | undefined;
  #events: EventSource | undefined;
  #flowing = false;
  #ended = false;
  #active: boolean | undefined;
  #layers: WhepLayers = { layers: [], current: undefined, chosen: undefined };
  #samples: InboundSample[] = [];
  #measures: WhepMeasures = NOTHING_MEASURED;
  #raw: RawCounters | undefined;
  #soundSince: number | undefined;
  #progressAt = performance.now();

  constructor(options: WhepOptions) {
    this.#options = options;
    this.#link = new PeerSession({
      url: options.url,
      adaptOffer: withStereo,
      onConnected: () => this.#connected(),
      onFailed: (failure) => {
        this.#events?.close();
        options.onFailed(troubleOf(failure));
      },
    });
  }

  /** The server said that the broadcast is over. */
  get ended(): boolean {
    return this.#ended;
  }

  get closed(): boolean {
    return this.#link.closed;
  }

  /** False while the server says that nobody publishes. */
  get active(): boolean {
    return this.#active !== false;
  }

  get layers(): WhepLayers {
    return this.#layers;
  }

  get measures(): WhepMeasures {
    return this.#measures;
  }

  /** Milliseconds since a frame (or, without a picture, sound) arrived, as far as samples tell. */
  get stillFor(): number {
    return performance.now() - this.#progressAt;
  }

  async dial(): Promise<void> {
    const { peer } = this.#link;
    peer.addTransceiver('audio', { direction: 'recvonly' });
    peer.addTransceiver('video', { direction: 'recvonly' });
    peer.ontrack = ({ track }) => this.stream.addTrack(track);
    this.#session = await this.#link.dial();
    if (!this.#session) return;
    void this.#subscribe(this.#session);
    this.#sampleLater();
  }

  /** Asks for a layer, or leaves the choice to the server. */
  async selectLayer(layer: WhepLayer | undefined): Promise<void> {
    const { layers } = this.#layers;
    const mediaId = (layer ?? layers[0])?.mediaId;
    if (!this.#session || mediaId === undefined) return;
    await this.#session.selectLayer(mediaId, layer?.rid);
  }

  /** Leaves: the server is told. Idempotent. */
  close(): void {
    this.#events?.close();
    void this.#link.close();
  }

  async #subscribe(session: WhipWhepSession): Promise<void> {
    const url = await session.subscribe(WHEP_EVENTS);
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
    on('reconnect', () => this.#link.fail({ kind: 'lost' }));
    on('end', ({ reason }) => {
      if (typeof reason === 'string' && NO_END.has(reason)) {
        this.#giveUp({ kind: 'unavailable' });
        return;
      }
      this.#ended = true;
      this.close();
    });
  }

  #connected(): void {
    this.#link.after(FIRST_MEDIA_MS, () => {
      if (!this.#flowing && this.active && this.#options.expectsMedia()) this.#giveUp({ kind: 'no-media' });
    });
  }

  #giveUp(trouble: Trouble): void {
    if (this.closed) return;
    this.close();
    this.#options.onFailed(trouble);
  }

  #sampleLater(): void {
    this.#link.after(this.#flowing ? SAMPLE_MS : EARLY_SAMPLE_MS, () => void this.#sample());
  }

  async #sample(): Promise<void> {
    const report = await this.#link.peer.getStats();
    if (this.closed) return;
    const raw = countersOf(report);
    const before = this.#raw;
    this.#raw = raw;
    if (raw.framesDecoded > (before?.framesDecoded ?? 0)) this.#progressAt = raw.at;
    else if (raw.framesDecoded === 0 && raw.packetsReceived > (before?.packetsReceived ?? 0))
      this.#progressAt = raw.at;
    this.#measures = measuresOf(raw, before);
    this.#noticeFlow(raw);
    this.#judge(raw);
    this.#options.onChange();
    this.#sampleLater();
  }

  #noticeFlow(raw: RawCounters): void {
    if (this.#flowing) return;
    if (raw.packetsReceived > 0) this.#soundSince ??= raw.at;
    const soundAlone =
      this.#soundSince !== undefined &&
      raw.videoPacketsReceived === 0 &&
      raw.at - this.#soundSince >= SOUND_ALONE_MS;
    if (raw.framesDecoded === 0 && !soundAlone) return;
    this.#flowing = true;
    this.#options.onFlowing();
  }

  #judge(raw: RawCounters): void {
    if (!this.#flowing) return;
    // Browsers spare themselves pictures that nobody sees.
    if (document.visibilityState === 'hidden') {
      this.#samples = [];
      return;
    }
    this.#samples = [...this.#samples.filter(({ at }) => at >= raw.at - 2 * HEALTH_WINDOW_MS), raw];
    const health = judgeHealth(this.#samples);
    if (health === 'good') return;
    if (health === 'silent') {
      if (this.active && this.#options.expectsMedia()) this.#options.onPoor({ kind: 'no-media' });
    } else this.#options.onPoor({ kind: health });
  }
}

function troubleOf(failure: PeerFailure): Trouble {
  if (failure.kind === 'impossible') return { kind: 'unavailable', detail: failure.detail };
  if (failure.kind !== 'refused') return failure;
  const { status, message, retryAfter } = failure.refusal;
  const passing = status === 0 || status === 404 || status === 409 || status === 429 || status >= 500;
  return {
    kind: passing ? 'unavailable' : 'refused',
    // That it is not there now needs no words of the server's.
    ...(passing ? {} : { detail: message }),
    ...(retryAfter === undefined ? {} : { retryAfter }),
  };
}

/** Asks for both channels: browsers take Opus as mono otherwise (RFC 7587 section 6.1, `stereo`). */
function withStereo(sdp: string): string {
  const payloadType = /^a=rtpmap:(\d+) opus\/48000\/2/im.exec(sdp)?.[1];
  if (payloadType === undefined) return sdp;
  return sdp.replace(new RegExp(`^a=fmtp:${payloadType} (?!.*\\bstereo=)(.*)$`, 'm'), (line) => {
    const [text, end] = line.endsWith('\r') ? [line.slice(0, -1), '\r'] : [line, ''];
    return `${text};stereo=1${end}`;
  });
}

type RawCounters = InboundSample & {
  framesDropped: number;
  frameRate: number | undefined;
  width: number | undefined;
  height: number | undefined;
  bytes: number;
  codec: string | undefined;
  bufferDelay: number;
  bufferEmitted: number;
};

const NOTHING_MEASURED: WhepMeasures = {
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
};

/** The numbers we use of `RTCInboundRtpStreamStats`; browsers leave out what they don't have. */
type Inbound = RTCInboundRtpStreamStats & {
  freezeCount?: number;
  totalFreezesDuration?: number;
  retransmittedPacketsReceived?: number;
};

function countersOf(report: RTCStatsReport): RawCounters {
  let video: Inbound | undefined;
  let audio: Inbound | undefined;
  let roundTripMs: number | undefined;
  const codecs = new Map<string, string>();
  for (const entry of report.values()) {
    if (entry.type === 'inbound-rtp' && entry.kind === 'video') video = entry;
    if (entry.type === 'inbound-rtp' && entry.kind === 'audio') audio = entry;
    if (entry.type === 'codec') codecs.set(entry.id, entry.mimeType);
    if (entry.type === 'candidate-pair' && entry.nominated && entry.currentRoundTripTime !== undefined)
      roundTripMs = entry.currentRoundTripTime * 1_000;
  }
  const lead = video?.framesDecoded ? video : audio;
  return {
    at: performance.now(),
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
    codec: codecs.get(lead?.codecId ?? ''),
    bufferDelay: lead?.jitterBufferDelay ?? 0,
    bufferEmitted: lead?.jitterBufferEmittedCount ?? 0,
    roundTripMs,
  };
}

function measuresOf(now: RawCounters, before: RawCounters | undefined): WhepMeasures {
  const seconds = before ? (now.at - before.at) / 1_000 : 0;
  const emitted = now.bufferEmitted - (before?.bufferEmitted ?? 0);
  const delay = now.bufferDelay - (before?.bufferDelay ?? 0);
  const { framesDecoded, framesDropped, frameRate, width, height, freezes, retransmitted } = now;
  return {
    ...{ framesDecoded, framesDropped, frameRate, width, height, freezes, retransmitted },
    freezeMs: Math.round(now.freezeMs),
    packetsReceived: now.packetsReceived,
    packetsLost: now.packetsLost,
    bitrate: before && seconds > 0 ? Math.round(((now.bytes - before.bytes) * 8) / seconds) : undefined,
    codec: now.codec,
    jitterBufferMs: emitted > 0 && delay >= 0 ? (delay / emitted) * 1_000 : undefined,
    roundTripMs: now.roundTripMs,
  };
}
