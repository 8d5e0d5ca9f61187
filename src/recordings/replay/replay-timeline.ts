import type { DashPeriod, DashRepresentation, RecordedVariant, VodSegment } from '../../packager/index.js';
import type { RecordedSegment, RecordingFile } from '../recording.js';

/** A file with its segments by media sequence number. */
export type IndexedFile = { file: RecordingFile; segments: ReadonlyMap<number, RecordedSegment> };

/** Rendition that players can choose, over the whole recording. */
export type ReplayRendition = { variant: RecordedVariant; segments: VodSegment[] };

/** Encoder run: the numbers of its segments in order, and its files. */
type Run = { index: number; msns: number[]; files: IndexedFile[] };

/** Share of a run that a rendition must have to be played in it: with less, another one takes its place. */
const MINIMUM_RUN_SHARE = 0.9;
/** Share of the recording that a rendition must have to be offered. */
const MINIMUM_SHARE = 0.1;
/** Shortest segment that represents the bit rate, s. */
const MINIMUM_RATED_S = 1;

/**
 * Lists the renditions of a recording. All have the same segments: where a rendition misses one there is a gap, and in an encoder
 * run that it does not have, the rendition of the nearest size takes its place, as a run is a discontinuity anyway.
 */
export function replayRenditions(files: readonly IndexedFile[]): ReplayRendition[] {
  const runs = runsOf(files);
  const renditions: ReplayRendition[] = [];
  for (const kind of ['video', 'audio'] as const) {
    const ofKind = files.filter(({ file }) => file.kind === kind);
    const ids = [...new Set(ofKind.map(({ file }) => file.rendition))];
    const shares = new Map(ids.map((id) => [id, shareOf(id, runs)]));
    const best = Math.max(0, ...shares.values());
    for (const id of ids) {
      const share = shares.get(id) ?? 0;
      if (share < Math.min(best, MINIMUM_SHARE) || share === 0) continue;
      const own = ofKind.filter(({ file }) => file.rendition === id);
      renditions.push({ variant: variantOf(id, own), segments: segmentsOf(own[0]!.file, kind, runs) });
    }
  }
  return renditions;
}

/** Lists the encoder runs, each with the renditions that can be played in it. */
export function replayPeriods(files: readonly IndexedFile[]): DashPeriod[] {
  return runsOf(files).flatMap((run) => {
    const representations = (['video', 'audio'] as const).flatMap((kind) => representationsOf(run, kind));
    return representations.length === 0 ? [] : { run: run.index, representations };
  });
}

function representationsOf(run: Run, kind: 'video' | 'audio'): DashRepresentation[] {
  const own = run.files.filter(({ file }) => file.kind === kind);
  const most = Math.max(0, ...own.map(({ segments }) => segments.size));
  const needed = Math.min(most, run.msns.length * MINIMUM_RUN_SHARE);
  return own.flatMap((indexed) => {
    const { file, segments } = indexed;
    const present = run.msns.flatMap((msn) => segments.get(msn) ?? []);
    if (segments.size < needed || present.length === 0) return [];
    return { variant: variantOf(file.rendition, [indexed]), initBytes: file.initBytes, segments: present };
  });
}

/** Returns the runs in order, each up to the last segment that both video and audio have. */
export function runsOf(files: readonly IndexedFile[]): Run[] {
  const indexes = [...new Set(files.map(({ file }) => file.run))].sort((a, b) => a - b);
  return indexes.map((index) => {
    const ofRun = files.filter(({ file, segments }) => file.run === index && segments.size > 0);
    const msns = new Set(ofRun.flatMap(({ segments }) => [...segments.keys()]));
    const ordered = [...msns].sort((a, b) => a - b);
    const kinds = [...new Set(ofRun.map(({ file }) => file.kind))];
    const isWhole = (msn: number): boolean =>
      kinds.every((kind) => ofRun.some(({ file, segments }) => file.kind === kind && segments.has(msn)));
    // A killed gateway may have stored the last segment of some renditions only.
    if (ordered.length > 1 && !isWhole(ordered.at(-1)!)) ordered.pop();
    return { index, msns: ordered, files: ofRun };
  });
}

/** Picks the file of a kind that is played for a rendition in a run: its own, else that of the nearest height. */
export function fileIn(run: Run, wanted: RecordingFile, kind: 'video' | 'audio'): IndexedFile | undefined {
  const candidates = run.files.filter(({ file }) => file.kind === kind);
  const enough = candidates.filter(({ segments }) => segments.size >= run.msns.length * MINIMUM_RUN_SHARE);
  const own = enough.find(({ file }) => file.rendition === wanted.rendition);
  if (own) return own;
  const distance = ({ file }: IndexedFile): number => Math.abs((file.height ?? 0) - (wanted.height ?? 0));
  const pool = enough.length > 0 ? enough : candidates;
  return pool.toSorted((a, b) => distance(a) - distance(b) || b.segments.size - a.segments.size)[0];
}

function segmentsOf(wanted: RecordingFile, kind: 'video' | 'audio', runs: readonly Run[]): VodSegment[] {
  const listed: VodSegment[] = [];
  for (const run of runs) {
    const played = fileIn(run, wanted, kind);
    const rendition = played?.file.rendition ?? wanted.rendition;
    for (const msn of run.msns) {
      const own = played?.segments.get(msn);
      const { durationS, programDateTimeMs } = own ?? anyOf(run, msn);
      const place = own &&
        played && {
          byteOffset: own.byteOffset,
          byteLength: own.byteLength,
          initBytes: played.file.initBytes,
        };
      const gap = place === undefined;
      listed.push({ rendition, run: run.index, msn, durationS, programDateTimeMs, gap, place });
    }
  }
  return listed;
}

function anyOf(run: Run, msn: number): RecordedSegment {
  for (const { segments } of run.files) {
    const found = segments.get(msn);
    if (found) return found;
  }
  throw new Error(`run ${run.index} has no segment ${msn}`);
}

/** Returns the share of a recording's segments that a rendition has in the runs in which it is played. */
function shareOf(rendition: string, runs: readonly Run[]): number {
  let [played, total] = [0, 0];
  for (const { msns, files } of runs) {
    total += msns.length;
    const own = files.find(({ file }) => file.rendition === rendition);
    if (own && own.segments.size >= msns.length * MINIMUM_RUN_SHARE) played += own.segments.size;
  }
  return total === 0 ? 0 : played / total;
}

export function variantOf(id: string, files: readonly IndexedFile[]): RecordedVariant {
  const newest = files.at(-1)!.file;
  let [bytes, durationS, bandwidth] = [0, 0, 0];
  for (const { segments } of files)
    for (const segment of segments.values()) {
      bytes += segment.byteLength;
      durationS += segment.durationS;
      if (segment.durationS >= MINIMUM_RATED_S)
        bandwidth = Math.max(bandwidth, (segment.byteLength * 8) / segment.durationS);
    }
  const averageBandwidth = Math.ceil((bytes * 8) / Math.max(durationS, 0.001));
  const common = {
    ...{ id, codec: newest.codec, averageBandwidth },
    bandwidth: Math.max(Math.ceil(bandwidth), averageBandwidth),
  };
  if (newest.kind === 'audio') return { ...common, kind: 'audio', channels: newest.channels ?? 2 };
  const tallest = files.reduce((a, b) => ((b.file.height ?? 0) > (a.file.height ?? 0) ? b : a)).file;
  const { width, height, frameRate } = tallest;
  return {
    ...common,
    ...{ kind: 'video', width: width ?? 0, height: height ?? 0, frameRate: frameRate ?? undefined },
  };
}
