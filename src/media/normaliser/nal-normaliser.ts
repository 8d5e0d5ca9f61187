import { type NalSyntax, ROLE, SET } from './nal-syntax.js';
import { beginsWithStartCode, joinUnits, LENGTH_SIZE, NalUnits } from './nal-units.js';
import { ParameterSets } from './parameter-sets.js';
import { setFrameType } from './tag-header.js';
import type {
  RecoveryPoint,
  VideoFrame,
  VideoNormaliser,
  VideoPacket,
  VideoSink,
} from './video-normaliser.js';

/** Parameter sets and SEI that wait for their picture; more are dropped, oldest first. */
const MAXIMUM_PREFIX_UNITS = 64;
const MAXIMUM_PREFIX_BYTES = 256 << 10;
/** Slices of one picture from several tags; more are dropped. */
const MAXIMUM_PICTURE_BYTES = 8 << 20;
/** Pictures in one tag each after which tags are taken for whole pictures again. */
const WHOLE_PICTURES = 60;
/** A picture without slices of others is passed on when another track is so much later, ms. */
const FLUSH_AFTER_MS = 100;
/** Distance between tags above which pictures that share a tag get the same time, ms. */
const MAXIMUM_SPREAD_MS = 1_000;

type Configured = { sets: Buffer[]; sps: Buffer | undefined };

/** Makes access units of H.264 or HEVC. */
export class NalNormaliser implements VideoNormaliser {
  readonly #syntax: NalSyntax;
  readonly #sink: VideoSink;
  /** Header of a configuration tag. */
  readonly #configurationHead: Buffer;
  readonly #units = new NalUnits();
  readonly #sets: ParameterSets;
  #lengthSize = LENGTH_SIZE;
  /** Data of the encoder's last configuration tag. */
  #record: Buffer | undefined;
  #configured: Configured | undefined;
  #setsChanged = false;
  /** PPSs that differ from the configuration: every keyframe needs them in band. */
  #extraSets: Buffer[] = [];
  /** Units before the slices of the next picture. */
  #prefix: Buffer[] = [];
  #prefixBytes = 0;
  /**
   * Whether a tag has all slices of its picture: `unknown` until the second picture, `split` when slices came in tags of
   * their own.
   */
  #tags: 'unknown' | 'whole' | 'split' = 'unknown';
  #wholePictures = 0;
  /** First picture, while more of it may come. */
  #first: VideoFrame | undefined;
  /** Picture that waits for more slices. */
  #open: { frame: VideoFrame; slices: Buffer[]; bytes: number } | undefined;
  #linkBroken = false;
  #lastTime: number | undefined;
  /** Units of the current tag: where each picture begins, and its first slice. */
  readonly #begins: number[] = [];
  readonly #slices: number[] = [];
  dropped = 0;

  constructor(syntax: NalSyntax, configurationHead: Buffer, sink: VideoSink) {
    this.#syntax = syntax;
    this.#configurationHead = configurationHead;
    this.#sink = sink;
    this.#sets = new ParameterSets(syntax);
  }

  get settled(): boolean {
    return this.#tags !== 'unknown';
  }

  configure({ body, dataOffset }: VideoPacket): void {
    const record = body.subarray(dataOffset);
    if (this.#record?.equals(record)) return;
    this.#record = record;
    if (beginsWithStartCode(record, 0)) {
      this.#configureFromUnits(record);
      return;
    }
    const read = this.#syntax.readConfiguration(record);
    if (!read) {
      this.dropped++;
      return;
    }
    this.#finish();
    this.#lengthSize = read.lengthSize;
    this.#sets.reset(read.sets);
    this.#extraSets = [];
    this.#setsChanged = false;
    const { sets } = read;
    const known = this.#configured?.sets;
    if (known && sets.length === known.length && sets.every((set, i) => set.equals(known[i]!))) return;
    if (read.lengthSize === LENGTH_SIZE) this.#configureWith(body, dataOffset, sets);
    else
      this.#configureWith(
        this.#configurationTag(this.#withLengthSize(record)),
        this.#configurationHead.length,
        sets,
      );
  }

  push(packet: VideoPacket, time: number): void {
    const { body, dataOffset } = packet;
    if (!this.#units.read(body, dataOffset, this.#lengthSize)) {
      this.dropped++;
      return;
    }
    const { count } = this.#units;
    const { pictures, end, usable } = this.#findPictures(body);
    const mediaBegin = pictures > 0 ? this.#begins[0]! : end;
    if (mediaBegin > 0) this.#continue(this.#copy(body, 0, mediaBegin));
    for (let picture = 0; picture < pictures; picture++) {
      const from = this.#begins[picture]!;
      const to = picture + 1 < pictures ? this.#begins[picture + 1]! : end;
      const plain = usable && this.#units.plain && from === 0 && to === count;
      const first = this.#slices[picture]!;
      this.#begin(packet, plain, from, to, first, this.#timeOf(time, picture, pictures));
    }
    if (pictures > 0) this.#lastTime = time;
    if (end < count) this.#addPrefix(body, end, count);
  }

  flush(time: number): void {
    if (this.#open && ((time - this.#open.frame.time) | 0) >= FLUSH_AFTER_MS) this.#finish();
  }

  /**
   * Finds the pictures of the current tag, and stores its parameter sets.
   *
   * @returns their number, the unit after the last of them, and whether all units are known
   */
  #findPictures(body: Buffer): { pictures: number; end: number; usable: boolean } {
    const syntax = this.#syntax;
    const { count, starts, ends } = this.#units;
    let pictures = 0;
    let usable = true;
    /** First of the units without a slice that precede the next one. */
    let run = 0;
    let afterSlice = false;
    for (let i = 0; i < count; i++) {
      const start = starts[i]!;
      const role = syntax.role(body, start);
      if (role === ROLE.unknown) usable = false;
      else if (role === ROLE.prefix) {
        if (afterSlice) run = i;
        afterSlice = false;
        const kind = syntax.setKind(body, start);
        if (kind !== SET.none && this.#sets.add(kind, body, start, ends[i]!)) this.#setsChanged = true;
      } else if (role === ROLE.slice) {
        if (
          syntax.startsPicture(body, start) &&
          !(pictures > 0 && this.#isField(body, this.#slices[pictures - 1]!, i))
        ) {
          this.#begins[pictures] = afterSlice ? i : run;
          this.#slices[pictures] = i;
          pictures++;
        }
        afterSlice = true;
      } else if (i === run) afterSlice = true;
    }
    return { pictures, end: afterSlice ? count : run, usable };
  }

  #isField(body: Buffer, first: number, second: number): boolean {
    const { starts, ends } = this.#units;
    const slice = (i: number): Buffer => body.subarray(starts[i], ends[i]);
    return this.#syntax.areFields(
      slice(first),
      slice(second),
      this.#sets.activeFor(body, starts[first]!)?.sps,
    );
  }

  /** Spreads pictures that share a tag over the time since the tag before. */
  #timeOf(time: number, picture: number, pictures: number): number {
    const sinceLast = this.#lastTime === undefined ? 0 : (time - this.#lastTime) | 0;
    if (pictures === 1 || sinceLast <= 0 || sinceLast > MAXIMUM_SPREAD_MS) return time;
    return (time - Math.round((sinceLast * (pictures - 1 - picture)) / pictures)) >>> 0;
  }

  /** Begins a picture with units `from` to `to` of the current tag. @param plain the tag is this picture alone */
  #begin(
    packet: VideoPacket,
    plain: boolean,
    from: number,
    to: number,
    firstSlice: number,
    time: number,
  ): void {
    this.#finish();
    if (this.#tags === 'unknown' && this.#first) this.#tags = 'whole';
    else if (this.#tags === 'split' && ++this.#wholePictures >= WHOLE_PICTURES) this.#tags = 'whole';
    this.#first = undefined;
    const syntax = this.#syntax;
    const { body, dataOffset, compositionTime } = packet;
    const { starts, ends } = this.#units;
    const sliceStart = starts[firstSlice]!;
    const keyframe = syntax.isRandomAccess(body, sliceStart);
    const skippable = syntax.isSkippable(body, sliceStart);
    let recoveryPoint: RecoveryPoint | undefined;
    if (!keyframe) {
      for (const unit of this.#prefix) recoveryPoint ??= syntax.recoveryPoint(unit, 0, unit.length);
      for (let i = from; i < firstSlice; i++)
        recoveryPoint ??= syntax.recoveryPoint(body, starts[i]!, ends[i]!);
    }
    if (keyframe) this.#linkBroken = syntax.breaksLinks(body, sliceStart);
    const prefix = this.#takePrefix();
    if (keyframe) this.#configureFor(body, sliceStart);
    const missing = keyframe ? this.#missingSets(body, prefix, from, firstSlice) : [];
    if (skippable && this.#linkBroken) return;
    let whole = body;
    if (!plain || prefix.length + missing.length > 0) {
      const before = this.#copy(body, from, firstSlice);
      const after = this.#copy(body, firstSlice, to);
      whole = joinUnits(body.subarray(0, dataOffset), [...prefix, ...before, ...missing, ...after]);
    }
    setFrameType(whole, keyframe);
    const frame = { time, compositionTime, keyframe, recoveryPoint, skippable, body: whole, dataOffset };
    if (this.#tags === 'split') {
      this.#open = { frame, slices: [], bytes: whole.length };
      return;
    }
    if (this.#tags === 'unknown') this.#first = frame;
    this.#sink.frame(frame);
  }

  /** Adds slices to the picture that was begun before. */
  #continue(slices: Buffer[]): void {
    if (slices.length === 0) return;
    const hasSlice = slices.some((unit) => this.#syntax.role(unit, 0) === ROLE.slice);
    const open = this.#open;
    if (open) {
      open.bytes += slices.reduce((sum, unit) => sum + LENGTH_SIZE + unit.length, 0);
      if (open.bytes > MAXIMUM_PICTURE_BYTES) this.dropped++;
      else open.slices.push(...slices);
    } else if (this.#first) {
      this.#first.body = joinUnits(this.#first.body, slices);
      if (!this.#sink.amend(this.#first.body)) this.dropped++;
    } else if (hasSlice) this.dropped++;
    if (!hasSlice) return;
    this.#tags = 'split';
    this.#wholePictures = 0;
  }

  /** Passes on the picture that waits for more. */
  #finish(): void {
    const open = this.#open;
    if (!open) return;
    this.#open = undefined;
    const { frame, slices } = open;
    if (slices.length > 0) frame.body = joinUnits(frame.body, slices);
    this.#sink.frame(frame);
  }

  #addPrefix(body: Buffer, from: number, to: number): void {
    this.#finish();
    for (const unit of this.#copy(body, from, to)) {
      if (this.#syntax.role(unit, 0) !== ROLE.prefix) continue;
      this.#prefix.push(unit);
      this.#prefixBytes += unit.length;
    }
    while (this.#prefix.length > MAXIMUM_PREFIX_UNITS || this.#prefixBytes > MAXIMUM_PREFIX_BYTES) {
      this.#prefixBytes -= this.#prefix.shift()!.length;
      this.dropped++;
    }
  }

  #takePrefix(): Buffer[] {
    if (this.#prefix.length === 0) return this.#prefix;
    const prefix = this.#prefix;
    this.#prefix = [];
    this.#prefixBytes = 0;
    return prefix;
  }

  /** Lists known units of the current tag, without copying their bytes. */
  #copy(body: Buffer, from: number, to: number): Buffer[] {
    const units: Buffer[] = [];
    const { starts, ends } = this.#units;
    for (let i = from; i < to; i++)
      if (this.#syntax.role(body, starts[i]!) !== ROLE.unknown) units.push(body.subarray(starts[i], ends[i]));
    return units;
  }

  /** Passes on a new configuration if the parameter sets of this keyframe differ from the last one. */
  #configureFor(body: Buffer, sliceStart: number): void {
    const active = this.#sets.activeFor(body, sliceStart);
    if (active && !this.#isConfiguredFor(active.sps)) {
      const sets = this.#sets.list(active);
      const record = this.#syntax.buildConfiguration(sets);
      if (record) this.#configureWith(this.#configurationTag(record), this.#configurationHead.length, sets);
      this.#setsChanged = true;
    }
    if (!this.#setsChanged) return;
    this.#setsChanged = false;
    this.#extraSets = this.#sets.pictureSetsBeyond(this.#configured?.sets ?? []);
  }

  #isConfiguredFor(sps: Buffer): boolean {
    const { sets = [], sps: configured } = this.#configured ?? {};
    return configured?.equals(sps) === true && sets.some((set) => this.#syntax.setKind(set, 0) === SET.pps);
  }

  /** PPSs that this keyframe needs and does not bring. */
  #missingSets(body: Buffer, prefix: readonly Buffer[], from: number, to: number): Buffer[] {
    if (this.#extraSets.length === 0) return this.#extraSets;
    const brought = [...prefix, ...this.#copy(body, from, to)];
    return this.#extraSets.filter((set) => !brought.some((unit) => unit.equals(set)));
  }

  /** Reads a configuration of units with start codes. */
  #configureFromUnits(record: Buffer): void {
    if (!this.#units.read(record, 0, this.#lengthSize)) {
      this.dropped++;
      return;
    }
    this.#lengthSize = LENGTH_SIZE;
    // The first keyframe makes the configuration.
    this.#findPictures(record);
  }

  #configureWith(body: Buffer, dataOffset: number, sets: Buffer[]): void {
    const sps = sets.find((set) => this.#syntax.setKind(set, 0) === SET.sps);
    this.#configured = { sets, sps };
    this.#sink.configuration(body, dataOffset);
  }

  #configurationTag(record: Buffer): Buffer {
    return Buffer.concat([this.#configurationHead, record]);
  }

  #withLengthSize(record: Buffer): Buffer {
    const copy = Buffer.from(record);
    copy[this.#syntax.lengthSizeOffset] = copy[this.#syntax.lengthSizeOffset]! | (LENGTH_SIZE - 1);
    return copy;
  }
}
