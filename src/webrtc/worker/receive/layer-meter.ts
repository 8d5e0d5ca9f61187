/** Window of rates, s. */
const WINDOW_S = 4;
const KEPT_KEYFRAMES = 4;

/** Measures a layer's bitrate, frame rate and keyframe interval in buckets of one second. Times are monotonic ms. */
export class LayerMeter {
  readonly #bytes = new Float64Array(WINDOW_S + 1);
  readonly #frames = new Float64Array(WINDOW_S + 1);
  #second = -1;
  #since = -1;
  #lastAt = Number.NEGATIVE_INFINITY;
  #keyframes: number[] = [];
  /** Since the layer began. */
  readonly totals = { bytes: 0, pictures: 0, keyframes: 0, keyframeBytes: 0 };

  /** Arrival of the last packet. */
  get lastAt(): number {
    return this.#lastAt;
  }

  countPacket(bytes: number, endsFrame: boolean, at: number): void {
    this.#advance(at);
    const bucket = this.#second % (WINDOW_S + 1);
    this.#bytes[bucket]! += bytes;
    if (endsFrame) this.#frames[bucket]!++;
    this.#lastAt = at;
    this.totals.bytes += bytes;
    if (endsFrame) this.totals.pictures++;
  }

  /** Counts a packet again that is part of a keyframe. */
  countKeyframePacket(bytes: number): void {
    this.totals.keyframeBytes += bytes;
  }

  countKeyframe(at: number): void {
    this.totals.keyframes++;
    this.#keyframes.push(at);
    if (this.#keyframes.length > KEPT_KEYFRAMES) this.#keyframes.shift();
  }

  /** Returns the bitrate, bit/s; 0 before the first whole second. */
  bitrate(at: number): number {
    return this.#rate(this.#bytes, at) * 8;
  }

  frameRate(at: number): number {
    return this.#rate(this.#frames, at);
  }

  /** Returns the longest recent keyframe interval, s; undefined before the second keyframe. */
  keyframeIntervalS(): number | undefined {
    let longest = 0;
    for (let i = 1; i < this.#keyframes.length; i++)
      longest = Math.max(longest, this.#keyframes[i]! - this.#keyframes[i - 1]!);
    return longest > 0 ? longest / 1000 : undefined;
  }

  #rate(buckets: Float64Array, at: number): number {
    this.#advance(at);
    // The first and the current second are incomplete.
    const whole = Math.min(WINDOW_S, this.#second - this.#since - 1);
    if (this.#since < 0 || whole < 1) return 0;
    let sum = 0;
    for (let i = 1; i <= whole; i++) sum += buckets[(this.#second - i) % (WINDOW_S + 1)]!;
    return sum / whole;
  }

  #advance(at: number): void {
    const second = Math.floor(at / 1000);
    if (this.#since < 0) {
      this.#since = second;
      this.#second = second;
    }
    if (second - this.#second > WINDOW_S) {
      this.#bytes.fill(0);
      this.#frames.fill(0);
      this.#second = second;
    }
    while (this.#second < second) {
      this.#second++;
      this.#bytes[this.#second % (WINDOW_S + 1)] = 0;
      this.#frames[this.#second % (WINDOW_S + 1)] = 0;
    }
  }
}
