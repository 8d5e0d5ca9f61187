/** Track that is sent without a multitrack header (Enhanced RTMP v2, "AvMultitrackType"). */
export const PLAIN_TRACK = 0;

/** Chooses one track of a kind: the one with the lowest id that was sent so far. */
export class TrackSelection {
  #played: number | undefined;
  #hasOthers = false;

  /** Id of the track to play; undefined before the first. */
  get played(): number | undefined {
    return this.#played;
  }

  /** Whether the track to play has the lowest id there is: no other can take its place. */
  get isFirst(): boolean {
    return this.#played === PLAIN_TRACK;
  }

  /** Whether tracks are left out. */
  get hasOthers(): boolean {
    return this.#hasOthers;
  }

  /** Takes the id of a track that was sent. */
  note(id: number): void {
    if (id === this.#played) return;
    if (this.#played === undefined) this.#played = id;
    else {
      this.#hasOthers = true;
      this.#played = Math.min(this.#played, id);
    }
  }
}
