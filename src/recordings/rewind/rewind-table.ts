import type { Sql } from '../../platform/index.js';
import type { RecordedSegment, RecordingFile } from '../recording.js';
import { visibilityOf } from '../recording-visibility.js';

/** File with segments of a broadcast, of a recording or of its rewind window. */
export type RewindFile = RecordingFile & { recordingId: string; streamId: string };

/** Statements over all recordings of a broadcast, and its rewind window. Clips are copies of these. */
export class RewindTable {
  readonly #sql: Sql;

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  /** Returns the number of the last stored segment (`SegmentNumbering`); undefined if there is none. */
  async lastNumber(broadcastId: string): Promise<number | undefined> {
    const [row] = await this.#sql<{ number: number | null }[]>`
      select max(s.msn - f.msn_offset) as number
      from recordings r join recording_files f on f.recording_id = r.id
        join recording_segments s on s.recording_id = f.recording_id and s.file_number = f.number
      where r.broadcast_id = ${broadcastId} and r.purpose <> 'clip'`;
    return row?.number ?? undefined;
  }

  /**
   * Returns the files of a broadcast in this folder, unless its livestream was deleted. Recordings that have ended and are more
   * private than the livestream are left out, and those in progress that have begun while it was private, as during a test.
   */
  async listFiles(broadcastId: string, storeId: string): Promise<RewindFile[]> {
    return await this.#sql<RewindFile[]>`
      select f.recording_id as "recordingId", recordings.stream_id as "streamId", f.number, f.rendition, f.kind, f.run, f.codec,
        f.width, f.height, f.frame_rate as "frameRate", f.channels, f.init_bytes as "initBytes",
        f.msn_offset as "msnOffset"
      from recordings join recording_files f on f.recording_id = recordings.id
        join livestreams on livestreams.id = recordings.stream_id
      where recordings.broadcast_id = ${broadcastId} and recordings.store_id = ${storeId}
        and recordings.purpose <> 'clip'
        and recordings.state in ('recording', 'ready') and (livestreams.visibility = 'private'
          or case recordings.state when 'recording' then recordings.recorded_visibility is distinct from 'private'
            else ${visibilityOf(this.#sql)} <> 'private' end)
      order by recordings.id, f.number`;
  }

  /** Returns the segments of files from a number and a time on. @param until only those that begin before it */
  async listSegments(
    files: readonly { recordingId: string; number: number; fromMsn: number }[],
    since: Date,
    until?: Date,
  ): Promise<(RecordedSegment & { recordingId: string })[]> {
    return await this.#sql<(RecordedSegment & { recordingId: string })[]>`
      select s.recording_id as "recordingId", s.file_number as "fileNumber", s.msn,
        s.byte_offset::float8 as "byteOffset", s.byte_length as "byteLength", s.fragments,
        s.duration_s as "durationS", s.decode_time_s as "decodeTimeS",
        extract(epoch from s.program_date_time)::float8 * 1000 as "programDateTimeMs"
      from unnest(${files.map(({ recordingId }) => recordingId)}::uuid[], ${files.map(({ number }) => number)}::int[],
        ${files.map(({ fromMsn }) => fromMsn)}::int[]) as wanted (recording_id, file_number, from_msn)
      join recording_segments s on s.recording_id = wanted.recording_id and s.file_number = wanted.file_number
        and s.msn >= wanted.from_msn and s.program_date_time >= ${since}
        ${until === undefined ? this.#sql`` : this.#sql`and s.program_date_time < ${until}`}
      order by s.msn`;
  }
}
