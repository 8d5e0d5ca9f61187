import type { Clock } from '../../src/platform/index.js';
import { Layer } from '../../src/webrtc/worker/receive/layer.js';
import { SenderClock } from '../../src/webrtc/worker/receive/sender-clock.js';
import { rtpPacket } from './synthetic-rtp.js';

type Kind = 'video' | 'audio';
type Report = { time: number; timestamp: number };

const RATE = { video: 90_000, audio: 48_000 } as const;
const INTERVAL = { video: 40, audio: 20 } as const;
/** From the making of a picture or sound to its first way out, ms. */
const WORK = { video: 45, audio: 25 } as const;
const REPORTS = { video: 1000, audio: 5000 } as const;
/** Where the streams begin to count: the video's timestamps wrap soon. */
const FIRST = { video: 4_294_000_000, audio: 77 } as const;
const STEP_MS = 10;
/** When the simulation begins, Unix ms. */
const START = Date.UTC(2026, 0, 1);

/** A sender of sound and pictures with a network behind it and a worker's clocks at the end. */
export class SimulatedSender {
  /** What the worker was told of its belief. */
  readonly beliefs: boolean[] = [];
  /** How long the network takes, ms, by the time since the start; packets stay in order. */
  delay: (elapsed: number, kind: Kind) => number = () => 30;
  /** The sender's clock is so much later than ours, ms. */
  wall = 0;
  /** Makes of an honest report what is sent; undefined: none is sent. */
  lie: (report: Report, kind: Kind, elapsed: number) => Report | undefined = (report) => report;
  /** The sound stands still: no samples come. */
  still = false;
  #now = START;
  /** Nothing in here needs a timer. */
  readonly #clock: Clock = {
    now: () => this.#now,
    monotonic: () => this.#now,
    after: () => () => {},
    every: () => () => {},
  };
  readonly #layers = { video: this.#layer('video'), audio: this.#layer('audio') };
  readonly #sender: SenderClock;
  /** How long each stream has been given something, ms. */
  readonly #media = { video: 0, audio: 0 };
  readonly #sequence = { video: 10, audio: 10 };
  readonly #lastArrival = { video: 0, audio: 0 };
  #underway: { at: number; arrive: () => void }[] = [];

  constructor() {
    this.#sender = new SenderClock(this.#clock, (believed) => this.beliefs.push(believed));
  }

  get elapsed(): number {
    return this.#now - START;
  }

  get exact(): boolean {
    return this.#layers.video.mediaClock.exact && this.#layers.audio.mediaClock.exact;
  }

  /** How much later than the picture the sound of this moment is taken to be, ms. */
  get apart(): number {
    return this.#timeOf('audio') - this.#timeOf('video');
  }

  /** How long ago, by the worker's clocks, the picture of this moment was made, ms. */
  get behind(): number {
    return this.#now - this.#timeOf('video');
  }

  /** Passes time. @returns how far apart sound and picture were at most, ms. */
  run(ms: number): number {
    let most = 0;
    for (let passed = 0; passed < ms; passed += STEP_MS) {
      this.#now += STEP_MS;
      for (const kind of ['video', 'audio'] as const) this.#send(kind);
      this.#deliver();
      if (this.#layers.video.mediaClock.known && this.#layers.audio.mediaClock.known)
        most = Math.max(most, Math.abs(this.apart));
    }
    return most;
  }

  #layer(kind: Kind): Layer {
    const options = { kind, rid: '', clock: this.#clock, requestKeyframe: () => {} };
    return new Layer(kind === 'video' ? { ...options, codec: 'h264' } : options);
  }

  #timestamp(kind: Kind): number {
    return (FIRST[kind] + (this.#media[kind] * RATE[kind]) / 1000) >>> 0;
  }

  #timeOf(kind: Kind): number {
    return this.#layers[kind].mediaClock.timeOf(this.#timestamp(kind)) ?? Number.NaN;
  }

  #send(kind: Kind): void {
    const { elapsed } = this;
    if (kind === 'video' || !this.still) this.#media[kind] += STEP_MS;
    const timestamp = this.#timestamp(kind);
    if (elapsed % REPORTS[kind] === REPORTS[kind] / 2) this.#report(kind, timestamp);
    if (elapsed % INTERVAL[kind] !== 0 || (kind === 'audio' && this.still)) return;
    const layer = this.#layers[kind];
    const sequence = this.#sequence[kind]++;
    const payload = Buffer.from([0x41, 1]);
    const packet = rtpPacket({ payloadType: 96, ssrc: 1, sequence, timestamp, payload });
    this.#route(kind, WORK[kind], () => {
      layer.packetArrived(timestamp);
      layer.writePacket(packet, sequence, timestamp, true, -1, this.#now);
    });
  }

  #report(kind: Kind, timestamp: number): void {
    const honest = { time: this.#now + this.wall, timestamp };
    const report = this.lie(honest, kind, this.elapsed);
    if (report)
      this.#route(kind, 0, () => {
        if (this.#layers[kind].head >= 0) this.#sender.applyReport(this.#layers[kind], report);
      });
  }

  #route(kind: Kind, work: number, arrive: () => void): void {
    const at = Math.max(this.#lastArrival[kind], this.#now + work + this.delay(this.elapsed, kind));
    // What is sent without work does not hold up what is sent before it.
    if (work > 0) this.#lastArrival[kind] = at;
    this.#underway.push({ at, arrive });
  }

  #deliver(): void {
    const now = this.#now;
    const arrived = this.#underway.filter(({ at }) => at <= now).sort((a, b) => a.at - b.at);
    this.#underway = this.#underway.filter(({ at }) => at > now);
    for (const { arrive } of arrived) arrive();
  }
}
