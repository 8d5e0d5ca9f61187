import { ntpMiddle, SourceCounters } from '../../../media/index.js';
import type { Clock } from '../../../platform/index.js';
import type { Layer } from './layer.js';
import type { MediaSource } from './media-source.js';
import type { RtpReceiver } from './rtp-receiver.js';

/** Highest level of RFC 6464: silence, -dBov. */
const LEVELS = 128;
/** Power of each level, relative to full scale. */
const POWERS = Float64Array.from({ length: LEVELS }, (_, level) => 10 ** (-level / 10));
/** Longest round trip that is believed, ms. */
const MAXIMUM_ROUND_TRIP_MS = 10_000;

type Totals = { bytes: number; pictures: number; keyframes: number; keyframeBytes: number };
type Receipt = { expected: number; received: number };

const NOTHING: Totals = { bytes: 0, pictures: 0, keyframes: 0, keyframeBytes: 0 };

/** Measures a publisher for the ingest health: adds up once a second what its layers and receivers count. */
export class SourceCounter {
  readonly counters = new SourceCounters();
  readonly #mediaSource: MediaSource;
  readonly #clock: Clock;
  readonly #totals = new Map<Layer, Totals>();
  readonly #receipts = new Map<RtpReceiver, Receipt>();
  readonly #jumps = new Map<RtpReceiver, number>();
  #power = 0;
  #levels = 0;
  #roundTripMs: number | undefined;

  constructor(mediaSource: MediaSource, clock: Clock) {
    this.#mediaSource = mediaSource;
    this.#clock = clock;
  }

  /** @param value of the header extension: a flag for speech, and -dBov in seven bits */
  countAudioLevel(value: number): void {
    this.#power += POWERS[value & (LEVELS - 1)]!;
    this.#levels++;
  }

  /**
   * Takes the answer to a reference time.
   *
   * @param lastReference middle 32 bits of the reference time @param delay until the answer, 1/65536 s
   */
  countRoundTrip(lastReference: number, delay: number): void {
    if (lastReference === 0) return;
    const units = (ntpMiddle(this.#clock.now()) - lastReference - delay) >>> 0;
    const roundTripMs = units / 65.536;
    if (roundTripMs < MAXIMUM_ROUND_TRIP_MS) this.#roundTripMs = roundTripMs;
  }

  /**
   * Adds what has come since the last call; to be called once a second.
   *
   * @param isSlate the layers show a slate: their pictures are not the publisher's
   */
  sample(receivers: readonly RtpReceiver[], isSlate = false): SourceCounters {
    const { counters } = this;
    const best = this.#mediaSource.activeLayers(this.#clock.monotonic()).at(-1);
    for (const layer of this.#mediaSource.layers)
      if (isSlate) this.#taken(layer);
      else this.#addVideo(layer, layer === best);
    const { audio } = this.#mediaSource;
    if (audio) counters.audioBytes += this.#taken(audio).bytes;
    for (const receiver of receivers) this.#addReceipt(receiver);
    for (const receiver of this.#receipts.keys()) if (!receivers.includes(receiver)) this.#forget(receiver);
    counters.audioLeadMs = this.#leadMs(audio);
    counters.videoLeadMs = isSlate ? Number.NaN : this.#leadMs(best);
    counters.audioLevelDb = this.#levels === 0 ? Number.NaN : 10 * Math.log10(this.#power / this.#levels);
    this.#power = 0;
    this.#levels = 0;
    counters.roundTripMs = this.#roundTripMs ?? retransmissionMs(receivers);
    return counters;
  }

  /** Counts the bytes of every layer, and the pictures of the best one. */
  #addVideo(layer: Layer, isBest: boolean): void {
    const { counters } = this;
    const added = this.#taken(layer);
    counters.videoBytes += added.bytes;
    if (!isBest) {
      // Bytes that belong to no picture of the best layer.
      counters.keyframeBytes += added.bytes;
      return;
    }
    counters.pictures += added.pictures;
    counters.keyframes += added.keyframes;
    counters.keyframeBytes += added.keyframeBytes;
  }

  #taken(layer: Layer): Totals {
    const before = this.#totals.get(layer) ?? NOTHING;
    const { bytes, pictures, keyframes, keyframeBytes } = layer.meter.totals;
    this.#totals.set(layer, { bytes, pictures, keyframes, keyframeBytes });
    return {
      bytes: bytes - before.bytes,
      pictures: pictures - before.pictures,
      keyframes: keyframes - before.keyframes,
      keyframeBytes: keyframeBytes - before.keyframeBytes,
    };
  }

  #addReceipt(receiver: RtpReceiver): void {
    const { expected, received, timestampJumps } = receiver;
    const before = this.#receipts.get(receiver);
    this.#receipts.set(receiver, { expected, received });
    // The counts of a stream that restarts begin anew.
    const isContinued = before !== undefined && expected >= before.expected;
    const added = isContinued ? expected - before.expected : expected;
    this.counters.packets += added;
    this.counters.packetsLost += added - (isContinued ? received - before.received : received);
    this.counters.timestampJumps += timestampJumps - (this.#jumps.get(receiver) ?? 0);
    this.#jumps.set(receiver, timestampJumps);
  }

  #forget(receiver: RtpReceiver): void {
    this.#receipts.delete(receiver);
    this.#jumps.delete(receiver);
  }

  /** Returns how much earlier the newest packet has arrived than by the sender's clock, ms; NaN without its reports. */
  #leadMs(layer: Layer | undefined): number {
    const sentAt =
      layer && layer.head >= 0 && layer.active && layer.mediaClock.reports.timeOf(layer.headTimestamp);
    return typeof sentAt === 'number' ? sentAt - layer!.unixTimeOf(layer!.headAt) : Number.NaN;
  }
}

/** Time from a request for a lost packet to its arrival, ms, of senders that answer no reference time. */
function retransmissionMs(receivers: readonly RtpReceiver[]): number {
  for (const receiver of receivers)
    if (receiver.retransmissionMs !== undefined) return receiver.retransmissionMs;
  return Number.NaN;
}
