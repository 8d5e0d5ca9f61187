import { type PlannedRun, plannedRuns } from '../download/movie-plan.js';
import type { RecordedSegment, RecordingFile } from '../recording.js';
import type { IndexedFile } from '../replay/replay-timeline.js';

/** Segments of a clip: one video and one audio file in each encoder run. */
export type ClipSelection = {
  runs: PlannedRun[];
  /** The stored media reach up to the wanted end. */
  isCovered: boolean;
};

type Row = { run: PlannedRun; msn: number; startMs: number; endMs: number };

/** Dates of segments have rounding errors. */
const ROUNDING_MS = 1;

/** Joins the files of one rendition and run, which the parts of a rewind window divide. */
export function joinParts(files: readonly IndexedFile[]): IndexedFile[] {
  const joined = new Map<string, { file: RecordingFile; segments: Map<number, RecordedSegment> }>();
  for (const { file, segments } of files) {
    const key = `${file.rendition}-${file.run}`;
    const known = joined.get(key) ?? { file, segments: new Map() };
    joined.set(key, known);
    for (const [msn, segment] of segments) known.segments.set(msn, segment);
  }
  return [...joined.values()];
}

/**
 * Selects the segments that overlap a time, of the tallest video and its audio.
 *
 * @param startMs and `endMs`: dates of the media, Unix ms
 */
export function selectSegments(files: readonly IndexedFile[], startMs: number, endMs: number): ClipSelection {
  const tallest = files
    .filter(({ file, segments }) => file.kind === 'video' && segments.size > 0)
    .toSorted((a, b) => (b.file.height ?? 0) - (a.file.height ?? 0))[0];
  const rendition = (tallest ?? files[0])?.file.rendition;
  const rows = rendition === undefined ? [] : rowsOf(plannedRuns(files, rendition));
  const first = rows.findIndex((row) => row.endMs > startMs + ROUNDING_MS);
  const behind = rows.findIndex((row, index) => index >= first && row.endMs >= endMs - ROUNDING_MS);
  const isCovered = first >= 0 && behind >= 0;
  const chosen = first < 0 ? [] : rows.slice(first, behind < 0 ? rows.length : behind + 1);
  // The wanted end may be where nothing was broadcast.
  while (chosen.length > 0 && chosen.at(-1)!.startMs >= endMs - ROUNDING_MS) chosen.pop();
  const runs = [...new Set(chosen.map(({ run }) => run))].map((run) => {
    const msns = chosen.flatMap((row) => (row.run === run ? row.msn : []));
    return { files: run.files.map((file) => withSegments(file, msns)).filter(hasSegments), msns };
  });
  return { runs, isCovered };
}

function rowsOf(runs: readonly PlannedRun[]): Row[] {
  return runs.flatMap((run) =>
    run.msns.flatMap((msn) => {
      const segment = run.files.map(({ segments }) => segments.get(msn)).find((one) => one !== undefined);
      if (!segment) return [];
      const { programDateTimeMs: startMs, durationS } = segment;
      return { run, msn, startMs, endMs: startMs + durationS * 1_000 };
    }),
  );
}

function withSegments({ file, segments }: IndexedFile, msns: readonly number[]): IndexedFile {
  const kept = msns.flatMap((msn) => {
    const segment = segments.get(msn);
    return segment ? [[msn, segment] as const] : [];
  });
  return { file, segments: new Map(kept) };
}

function hasSegments({ segments }: IndexedFile): boolean {
  return segments.size > 0;
}
