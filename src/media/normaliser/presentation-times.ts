/** Greatest distance of presentation from decoding, ms: 16 reordered frames at 8 frames per second. */
const MAXIMUM_COMPOSITION_MS = 2_000;
/** Presentation times that are compared with a new one: more frames are never reordered. */
const COMPARED = 32;
/** Distance up to which a frame is moved to a later time, ms; beyond, it is dropped. */
const MAXIMUM_MOVE_MS = 250;
/** Greatest value of CompositionTime, which has 24 bits and a sign (Flash Video File Format 10.1, annex E.4.3.1). */
const MAXIMUM_FIELD = 0x7f_ffff;

/** Times of a frame, ms. */
export type FrameTimes = {
  decodeTime: number;
  compositionTime: number;
  /** Composition time of the encoder, or of the frame before if it is absurd. */
  sourceCompositionTime: number;
};

/**
 * Makes times of one timeline's frames valid: decode times increase, composition times are not negative, and no two
 * presentation times are equal. Negative composition times are shifted by moving decode times back, so that presentation
 * times, and the synchronization with audio, stay.
 */
export class PresentationTimes {
  /** Added to all times of the timeline, audio too: room for decode times that move back, ms. */
  readonly offsetMs: number;
  /** Distance by which decode times are moved back, ms. */
  #backMs: number;
  #lastDecodeTime = -1;
  #lastCompositionMs = 0;
  readonly #recent: number[] = [];
  #next = 0;

  /** @param compositionMs composition times of the first frames @param reorderMs delay of reordering, if announced, ms */
  constructor(compositionMs: readonly number[], reorderMs = 0) {
    const bounded = compositionMs.map(clamp);
    const first = bounded[0] ?? 0;
    // A first frame that is presented earlier than reordering needs is followed by negative composition times.
    const needed = Math.max(
      0,
      ...bounded.map((ms) => -ms),
      Math.min(reorderMs, MAXIMUM_COMPOSITION_MS) - first,
    );
    this.offsetMs = Math.ceil(needed);
    this.#backMs = this.offsetMs;
  }

  /**
   * @param decodeTime place on the timeline before the offset, ms
   * @returns undefined for a frame that must be dropped
   */
  place(decodeTime: number, compositionMs: number): FrameTimes | undefined {
    // A single absurd value is replaced by its neighbour's.
    const isAbsurd = Math.abs(compositionMs) > MAXIMUM_COMPOSITION_MS;
    const composition = isAbsurd ? this.#lastCompositionMs : compositionMs;
    this.#lastCompositionMs = composition;
    const moved = decodeTime + this.offsetMs;
    this.#backMs = Math.max(this.#backMs, -composition);
    const wanted = moved - this.#backMs;
    const decode = Math.max(wanted, this.#lastDecodeTime + 1, 0);
    if (decode - wanted > Math.max(MAXIMUM_MOVE_MS, this.#backMs)) return undefined;
    let presentation = Math.max(moved + composition, decode);
    const latest = presentation + MAXIMUM_MOVE_MS;
    while (this.#recent.includes(presentation)) if (++presentation > latest) return undefined;
    if (presentation - decode > MAXIMUM_FIELD) return undefined;
    this.#lastDecodeTime = decode;
    this.#recent[this.#next] = presentation;
    this.#next = (this.#next + 1) % COMPARED;
    return { decodeTime: decode, compositionTime: presentation - decode, sourceCompositionTime: composition };
  }
}

function clamp(ms: number): number {
  return Math.abs(ms) > MAXIMUM_COMPOSITION_MS ? 0 : ms;
}
