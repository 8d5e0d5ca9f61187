import { type ActiveSets, type NalSyntax, SET, type SetKind } from './nal-syntax.js';

/** Bytes of a parameter set, at most; longer ones are ignored. */
const MAXIMUM_BYTES = 4_096;

type StoredSet = { kind: SetKind; id: number; refersTo: number; unit: Buffer };

/** Parameter sets of a stream, one per kind and id: the latest. */
export class ParameterSets {
  readonly #syntax: NalSyntax;
  #sets: StoredSet[] = [];

  constructor(syntax: NalSyntax) {
    this.#syntax = syntax;
  }

  /** Replaces all sets. */
  reset(units: readonly Buffer[]): void {
    this.#sets = [];
    for (const unit of units) this.add(this.#syntax.setKind(unit, 0), unit, 0, unit.length);
  }

  /** Stores a set; copies its bytes unless they are known. @returns whether it is new or changed */
  add(kind: SetKind, bytes: Buffer, start: number, end: number): boolean {
    if (end - start > MAXIMUM_BYTES) return false;
    for (const { kind: known, unit } of this.#sets)
      if (
        known === kind &&
        unit.length === end - start &&
        bytes.compare(unit, 0, unit.length, start, end) === 0
      )
        return false;
    const unit = Buffer.from(bytes.subarray(start, end));
    const ids = this.#syntax.readSetIds(kind, unit);
    if (!ids || ids.id >= this.#syntax.maximumIds[kind]!) return false;
    const at = this.#sets.findIndex((set) => set.kind === kind && set.id === ids.id);
    const set = { kind, ...ids, unit };
    if (at < 0) this.#sets.push(set);
    else this.#sets[at] = set;
    return true;
  }

  /** Sets that apply to the picture of a slice. Undefined when they are not known. */
  activeFor(bytes: Buffer, sliceStart: number): ActiveSets | undefined {
    const pps = this.#find(SET.pps, this.#syntax.readPpsId(bytes, sliceStart));
    const sps = pps && this.#find(SET.sps, pps.refersTo);
    if (!sps) return undefined;
    return { vps: this.#find(SET.vps, sps.refersTo)?.unit, sps: sps.unit, pps: pps.unit };
  }

  /** All sets, with those of `active` before others of their kind. */
  list(active: ActiveSets): Buffer[] {
    const first = [active.vps, active.sps, active.pps].filter((unit) => unit !== undefined);
    const rest = this.#sets.map(({ unit }) => unit).filter((unit) => !first.includes(unit));
    return [...first, ...rest];
  }

  /** PPSs that are missing in `units`. */
  pictureSetsBeyond(units: readonly Buffer[]): Buffer[] {
    return this.#sets
      .filter(({ kind, unit }) => kind === SET.pps && !units.some((known) => known.equals(unit)))
      .map(({ unit }) => unit);
  }

  #find(kind: SetKind, id: number | undefined): StoredSet | undefined {
    return this.#sets.find((set) => set.kind === kind && set.id === id);
  }
}
