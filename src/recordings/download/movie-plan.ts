import { parameterSets, type TrackInit } from '../../media/index.js';
import type { RecordedSegment, RecordingFile } from '../recording.js';
import { fileIn, type IndexedFile, runsOf } from '../replay/replay-timeline.js';

/** Encoder run of the movie: the files that are played in it, and the numbers of its segments in order. */
export type PlannedRun = { files: IndexedFile[]; msns: number[] };

/** Segment of a track on the timeline of the movie. */
export type PlannedSegment = {
  file: RecordingFile;
  segment: RecordedSegment;
  /** Movie time minus the time of the recording, in its run. */
  shiftS: number;
};

/** Segments of all tracks that begin together. */
export type Subsegment = {
  /** Movie time of its start. */
  startS: number;
  segments: PlannedSegment[];
};

export type MovieTimeline = { subsegments: Subsegment[]; durationS: number };

/**
 * Chooses the files of each run.
 *
 * @param rendition the one that was chosen; in a run that lacks it the one of the nearest height takes its place
 */
export function plannedRuns(files: readonly IndexedFile[], rendition: string): PlannedRun[] {
  const chosen = files.find(({ file }) => file.rendition === rendition)?.file;
  const audio = files.find(({ file }) => file.kind === 'audio')?.file;
  return runsOf(files).map((run) => {
    const video = chosen?.kind === 'video' ? fileIn(run, chosen, 'video') : undefined;
    const sound = audio && fileIn(run, audio, 'audio');
    return { files: [video, sound].filter((file) => file !== undefined), msns: run.msns };
  });
}

/**
 * Divides runs into parts that one movie can hold: of one codec, with lengths of NAL units of one size, and one sample rate and
 * channel layout. Players do not follow a change of these; one of the picture size they do.
 *
 * @param inits by file number
 */
export function partsOf(runs: readonly PlannedRun[], inits: ReadonlyMap<number, TrackInit>): PlannedRun[][] {
  const parts: PlannedRun[][] = [];
  const formats = new Map<string, string>();
  for (const run of runs) {
    const own = run.files.map(({ file }) => [file.kind, formatOf(inits.get(file.number)!)] as const);
    const part = parts.at(-1);
    if (part && own.every(([kind, format]) => (formats.get(kind) ?? format) === format)) part.push(run);
    else {
      parts.push([run]);
      formats.clear();
    }
    for (const [kind, format] of own) formats.set(kind, format);
  }
  return parts;
}

function formatOf(init: TrackInit): string {
  if (init.kind === 'audio') return `${init.codec} ${init.sampleRate} ${init.channels}`;
  return `${init.codec.split('.')[0]} ${parameterSets(init)?.lengthSize}`;
}

/**
 * Puts runs one after another. Sound and picture of a run keep their distance: both move by the same time. A run begins
 * where the longer track of the run before has ended; gaps within a run stay.
 */
export function timelineOf(runs: readonly PlannedRun[]): MovieTimeline {
  const subsegments: Subsegment[] = [];
  let endS = 0;
  for (const { files, msns } of runs) {
    const rows = msns
      .map((msn) =>
        files.flatMap(({ file, segments }) => {
          const segment = segments.get(msn);
          return segment ? [{ file, segment }] : [];
        }),
      )
      .filter((row) => row.length > 0);
    let startS = Number.POSITIVE_INFINITY;
    for (const { segment } of rows.flat()) startS = Math.min(startS, segment.decodeTimeS);
    const shiftS = endS - startS;
    for (const row of rows) {
      const startsS = row.map(({ segment }) => segment.decodeTimeS + shiftS);
      subsegments.push({ startS: Math.min(...startsS), segments: row.map((one) => ({ ...one, shiftS })) });
      for (const { segment } of row) endS = Math.max(endS, segment.decodeTimeS + segment.durationS + shiftS);
    }
  }
  return { subsegments, durationS: endS };
}
