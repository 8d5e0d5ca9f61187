import { parseTrackInit, type TrackInit } from '../../media/index.js';
import type { CompletedSegment } from '../../packager/index.js';
import type { RecordingFile } from '../recording.js';
import type { ClipSelection } from './clip-selection.js';
import type { ClipSource } from './clip-source.js';
import { type ClipWriter, fragmentsOf } from './clip-writer.js';

/**
 * Copies the segments of a clip as they are. The encoder runs are numbered anew, and segments from 0.
 *
 * @param renditionOf returns the rendition id of the copies
 * @param signal aborts between two segments
 * @throws HeadendError when the media are gone or damaged, and as `ClipWriter.write`
 */
export async function copySegments(
  { read }: ClipSource,
  { runs }: ClipSelection,
  writer: ClipWriter,
  { renditionOf, signal }: { renditionOf(kind: RecordingFile['kind']): string; signal: AbortSignal },
): Promise<void> {
  let number = 0;
  for (const [run, { files, msns }] of runs.entries()) {
    const inits = new Map<RecordingFile, TrackInit>();
    for (const { file } of files) inits.set(file, parseTrackInit(await read(file, 'init')));
    for (const msn of msns) {
      signal.throwIfAborted();
      const copies: CompletedSegment[] = [];
      for (const { file, segments } of files) {
        const segment = segments.get(msn);
        if (!segment) continue;
        const bytes = await read(file, segment);
        const { programDateTimeMs, durationS } = segment;
        copies.push({
          ...{ renditionId: renditionOf(file.kind), init: inits.get(file)!, run, msn: number },
          ...{ programDateTimeMs, durationS, sizeBytes: bytes.length, parts: fragmentsOf(bytes) },
          ...{ frameRate: file.frameRate ?? undefined, slate: undefined },
        });
      }
      if (copies.length > 0) await writer.write(copies);
      number++;
    }
  }
}
