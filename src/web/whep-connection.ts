import type { Trouble } from './delivery.js';
import { iceFragment } from './ice-fragment.js';
import { HEALTH_WINDOW_MS, type InboundSample, judgeHealth } from './webrtc-health.js';
import { parseData, parseLayers, WHEP_EVENTS, type WhepLayer, type WhepLayers } from './whep-events.js';
import { type Refusal, WhipWhepSession } from './whip-whep-session.js';

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

/** From the answer to a standing connection. */
const CONNECT_MS = 4_000;
/** From there to the first picture: the server may have to start an encoder and wait for a keyframe. */
const FIRST_MEDIA_MS = 6_000;
/** `disconnected` often passes; a connection that stays so for longer is lost. */
const DISCONNECTED_MS = 2_000;
const SAMPLE_MS = 1_000;
/** Before anything arrived, so that a change of delivery takes no longer than it must. */
const EARLY_SAMPLE_MS = 250;
/** Sound that comes without any picture for so long comes alone. */
const SOUND_ALONE_MS = 2_000;
/** The server learns our candidates from our checks; where these do not get through soon, it is told of them. */
const TRICKLE_AFTER_MS = 500;

/** One WebRTC connection by WHEP, from the offer to its end. It does not recover: another is made instead. */
export class WhepConnection {
  /** What arrives; to be given to a media element. */
  readonly stream = new MediaStream();
  readonly #options: WhepOptions;
  readonly #peer = new RTCPeerConnection({ bundlePolicy: 'max-bundle' });
  readonly #leaving = new AbortController();
  readonly #timers = new Set<ReturnType<typeof setTimeout>>();
  #session: WhipWhepSession | undefined;
  #events: EventSource | undefined;
  #candidates: RTCIceCandidate[] = [];
  #connected = false;
  #flowing = false;
  #ended = false;
  #closed = false;
  #active: boolean | undefined;
  #viewers: number | undefined;
  #layers: WhepLayers = { layers: [], current: undefined, chosen: undefined };
  #samples: InboundSample[] = [];
  #measures: WhepMeasures = NOTHING_MEASURED;
  #raw: RawCounters | undefined;
  #soundSince: number | undefined;
  #progressAt = performance.now();

  constructor(options: WhepOptions) {
    this.#options = options;
  }

  /** The server said that the broadcast is over. */
  get ended(): boolean {
    return this.#ended;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** False while the server says that nobody publishes. */
  get active(): boolean {
    return this.#active !== false;
  }

  get viewers(): number | undefined {
    return this.#viewers;
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
    const peer = this.#peer;
    peer.addTransceiver('audio', { direction: 'recvonly' });
    peer.addTransceiver('video', { direction: 'recvonly' });
    peer.ontrack = ({ track }) => this.stream.addTrack(track);
    peer.onicecandidate = ({ candidate }) => candidate && this.#candidates.push(candidate);
    peer.onconnectionstatechange = () => this.#connectionChanged();
    // Not only on `pagehide`: a tab that is thrown away leaves so.
    window.addEventListener('pagehide', () => this.close(), { signal: this.#leaving.signal });
    try {
      await this.#negotiate();
    } catch (error) {
      this.#fail({ kind: 'unavailable', detail: String(error) });
    }
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
    if (this.#closed) return;
    this.#closed = true;
    this.#leaving.abort();
    for (const timer of this.#timers) clearTimeout(timer);
    this.#events?.close();
    this.#peer.close();
    void this.#session?.end();
  }

  async #negotiate(): Promise<void> {
    const peer = this.#peer;
    const { sdp = '' } = await peer.createOffer();
    const offer = withStereo(sdp);
    // The offer is sent before gathering begins, because the ICE servers to gather with come with the answer.
    const opened = await WhipWhepSession.open({ endpoint: this.#options.url, offer });
    if ('refusal' in opened) {
      this.#fail(troubleOf(opened.refusal));
      return;
    }
    const { session } = opened;
    if (this.#closed) {
      void session.end();
      return;
    }
    this.#session = session;
    if (session.iceServers.length > 0)
      peer.setConfiguration({ ...peer.getConfiguration(), iceServers: session.iceServers });
    await peer.setLocalDescription({ type: 'offer', sdp: offer });
    await peer.setRemoteDescription({ type: 'answer', sdp: session.answer });
    if (this.#closed) return;
    this.#noticeGoodbye();
    void this.#subscribe(session);
    this.#after(CONNECT_MS, () => {
      if (!this.#connected) this.#fail({ kind: 'unreachable' });
    });
    this.#after(TRICKLE_AFTER_MS, () => {
      if (!this.#connected) void session.addCandidates(iceFragment(offer, this.#candidates));
    });
    this.#sampleLater();
  }

  async #subscribe(session: WhipWhepSession): Promise<void> {
    const url = await session.subscribe(WHEP_EVENTS);
    if (url === undefined || this.#closed) return;
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
    on('viewercount', ({ viewercount }) => {
      this.#viewers = typeof viewercount === 'number' ? viewercount : undefined;
    });
    on('reconnect', () => this.#fail({ kind: 'lost' }));
    on('end', () => {
      this.#ended = true;
      this.close();
    });
  }

  #connectionChanged(): void {
    switch (this.#peer.connectionState) {
      case 'connected':
        if (this.#connected) return;
        this.#connected = true;
        this.#after(FIRST_MEDIA_MS, () => {
          if (!this.#flowing && this.active && this.#options.expectsMedia()) this.#fail({ kind: 'no-media' });
        });
        return;
      case 'disconnected':
        this.#after(DISCONNECTED_MS, () => {
          if (this.#peer.connectionState === 'disconnected') this.#fail({ kind: 'lost' });
        });
        return;
      case 'failed':
        this.#fail({ kind: this.#connected ? 'lost' : 'unreachable' });
    }
  }

  /** A server that closes the connection in order says so by DTLS (close_notify), which ICE would notice only later. */
  #noticeGoodbye(): void {
    for (const { receiver } of this.#peer.getTransceivers()) {
      receiver.transport?.addEventListener('statechange', ({ currentTarget }) => {
        if ((currentTarget as RTCDtlsTransport).state === 'closed') this.#fail({ kind: 'lost' });
      });
    }
  }

  #sampleLater(): void {
    this.#after(this.#flowing ? SAMPLE_MS : EARLY_SAMPLE_MS, () => void this.#sample());
  }

  async #sample(): Promise<void> {
    const report = await this.#peer.getStats();
    if (this.#closed) return;
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

  #fail(trouble: Trouble): void {
    if (this.#closed) return;
    this.close();
    this.#options.onFailed(trouble);
  }

  #after(ms: number, callback: () => void): void {
    if (this.#closed) return;
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      callback();
    }, ms);
    this.#timers.add(timer);
  }
}

function troubleOf({ status, message, retryAfter }: Refusal): Trouble {
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
  retransmitted: number;
  bytes: number;
  codec: string | undefined;
  bufferDelay: number;
  bufferEmitted: number;
  roundTripMs: number | undefined;
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
