import type { Clock } from '../../../../src/platform/index.js';
import { Layer } from '../../../../src/webrtc/worker/receive/layer.js';
import { SenderClock } from '../../../../src/webrtc/worker/receive/sender-clock.js';
import { rtpPacket } from './synthetic-rtp.js';

type Kind = 'video' | 'audio';
type Report = { time: number; timestamp: number };

const CLOCK_RATE = { video: 90_000, audio: 48_000 } as const;
const PACKET_INTERVAL_MS = { video: 40, audio: 20 } as const;
/** Time from capture to sending, ms. */
const ENCODING_MS = { video: 45, audio: 25 } as const;
const REPORT_INTERVAL_MS = { video: 1000, audio: 5000 } as const;
/** First timestamps: those of video wrap soon. */
const FIRST = { video: 4_294_000_000, audio: 77 } as const;
const STEP_MS = 10;
/** Start of the simulation, Unix ms. */
const START = Date.UTC(2026, 0, 1);

/** Sender of audio and video with a simulated network and a worker's clocks at the other end. */
export class SimulatedSender {
  /** Changes of trust that `SenderClock` has reported. */
  readonly trustChanges: boolean[] = [];
  /** Network delay, ms, by the time since the start; packets stay in order. */
  networkDelayMs: (elapsedMs: number, kind: Kind) => number = () => 30;
  /** Offset of the sender's clock from ours, ms. */
  clockOffsetMs = 0;
  /** Changes a correct report before it is sent; undefined: none is sent. */
  distortReport: (report: Report, kind: Kind, elapsedMs: number) => Report | undefined = (report) => report;
  /** Audio gets no samples. */
  audioStopped = false;
  #now = START;
  /** Clock without timers, which nothing here needs. */
  readonly #clock: Clock = {
    now: () => this.#now,
    monotonic: () => this.#now,
    after: () => () => {},
    every: () => () => {},
  };
  readonly #layers = { video: this.#layer('video'), audio: this.#layer('audio') };
  readonly #sender: SenderClock;
  /** Media time of each stream, ms. */
  readonly #media = { video: 0, audio: 0 };
  readonly #sequence = { video: 10, audio: 10 };
  readonly #lastArrival = { video: 0, audio: 0 };
  #inFlight: { at: number; arrive: () => void }[] = [];

  constructor() {
    this.#sender = new SenderClock(this.#clock, (trusted) => this.trustChanges.push(trusted));
  }

  get elapsedMs(): number {
    return this.#now - START;
  }

  get exact(): boolean {
    return this.#layers.video.mediaClock.exact && this.#layers.audio.mediaClock.exact;
  }

  /** Skew of audio against video by the worker's clocks, ms. */
  get skewMs(): number {
    return this.#timeOf('audio') - this.#timeOf('video');
  }

  /** Age of the current video frame by the worker's clocks, ms. */
  get delayMs(): number {
    return this.#now - this.#timeOf('video');
  }

  /** Advances time. @returns the largest skew of audio and video, ms */
  run(ms: number): number {
    let maximumSkewMs = 0;
    for (let advancedMs = 0; advancedMs < ms; advancedMs += STEP_MS) {
      this.#now += STEP_MS;
      for (const kind of ['video', 'audio'] as const) this.#send(kind);
      this.#deliver();
      if (this.#layers.video.mediaClock.known && this.#layers.audio.mediaClock.known)
        maximumSkewMs = Math.max(maximumSkewMs, Math.abs(this.skewMs));
    }
    return maximumSkewMs;
  }

  #layer(kind: Kind): Layer {
    const options = { kind, rid: '', clock: this.#clock, requestKeyframe: () => {} };
    return new Layer(kind === 'video' ? { ...options, codec: 'h264' } : options);
  }

  #timestamp(kind: Kind): number {
    return (FIRST[kind] + (this.#media[kind] * CLOCK_RATE[kind]) / 1000) >>> 0;
  }

  #timeOf(kind: Kind): number {
    return this.#layers[kind].mediaClock.timeOf(this.#timestamp(kind)) ?? Number.NaN;
  }

  #send(kind: Kind): void {
    const { elapsedMs } = this;
    if (kind === 'video' || !this.audioStopped) this.#media[kind] += STEP_MS;
    const timestamp = this.#timestamp(kind);
    if (elapsedMs % REPORT_INTERVAL_MS[kind] === REPORT_INTERVAL_MS[kind] / 2) this.#report(kind, timestamp);
    if (elapsedMs % PACKET_INTERVAL_MS[kind] !== 0 || (kind === 'audio' && this.audioStopped)) return;
    const layer = this.#layers[kind];
    const sequence = this.#sequence[kind]++;
    const payload = Buffer.from([0x41, 1]);
    const packet = rtpPacket({ payloadType: 96, ssrc: 1, sequence, timestamp, payload });
    this.#route(kind, ENCODING_MS[kind], () => {
      layer.packetArrived(timestamp);
      layer.writePacket(packet, sequence, timestamp, true, -1, this.#now);
    });
  }

  #report(kind: Kind, timestamp: number): void {
    const correct = { time: this.#now + this.clockOffsetMs, timestamp };
    const report = this.distortReport(correct, kind, this.elapsedMs);
    if (report)
      this.#route(kind, 0, () => {
        if (this.#layers[kind].head >= 0) this.#sender.applyReport(this.#layers[kind], report);
      });
  }

  #route(kind: Kind, encodingMs: number, arrive: () => void): void {
    const at = Math.max(
      this.#lastArrival[kind],
      this.#now + encodingMs + this.networkDelayMs(this.elapsedMs, kind),
    );
    // Reports are sent without encoding and do not delay earlier packets.
    if (encodingMs > 0) this.#lastArrival[kind] = at;
    this.#inFlight.push({ at, arrive });
  }

  #deliver(): void {
    const now = this.#now;
    const arrived = this.#inFlight.filter(({ at }) => at <= now).sort((a, b) => a.at - b.at);
    this.#inFlight = this.#inFlight.filter(({ at }) => at > now);
    for (const { arrive } of arrived) arrive();
  }
}
