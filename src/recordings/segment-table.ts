import type { Sql } from '../platform/index.js';
import type { RecordedSegment, RecordingFile } from './recording.js';
import { CLAIM_S } from './recording-table.js';

/** Segments and new files of a recording that are on the disk, and the recording's totals with them. */
export type SegmentBatch = {
  files: readonly RecordingFile[];
  segments: readonly RecordedSegment[];
  durationS: number;
  sizeBytes: number;
  droppedSegments: number;
};

/** Statements on the tables `recording_files` and `recording_segments`. */
export class SegmentTable {
  readonly #sql: Sql;

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  /**
   * Stores a batch in one statement and renews the claim. May be repeated: an attempt that timed out may have been
   * committed.
   *
   * @returns false, and stores nothing, when this process has lost its claim
   */
  async append(recordingId: string, claimant: string, batch: SegmentBatch): Promise<boolean> {
    const { files, segments, durationS, sizeBytes, droppedSegments } = batch;
    const file = <K extends keyof RecordingFile>(name: K): RecordingFile[K][] =>
      files.map((one) => one[name]);
    const segment = <K extends keyof RecordedSegment>(name: K): RecordedSegment[K][] =>
      segments.map((one) => one[name]);
    const rows = await this.#sql`
      with mine as (
        update recordings set duration_s = ${durationS}, size_bytes = ${sizeBytes}, dropped_segments = ${droppedSegments},
          claimed_until = now() + ${CLAIM_S} * interval '1 s'
        where id = ${recordingId} and claimed_by = ${claimant} and state = 'recording' returning id
      ), new_files as (
        insert into recording_files
          (recording_id, number, rendition, kind, run, codec, width, height, frame_rate, channels, init_bytes, msn_offset)
        select mine.id, f.* from mine, unnest(${file('number')}::int[], ${file('rendition')}::text[],
          ${file('kind')}::text[], ${file('run')}::int[], ${file('codec')}::text[], ${file('width')}::int[],
          ${file('height')}::int[], ${file('frameRate')}::float8[], ${file('channels')}::int[],
          ${file('initBytes')}::int[], ${file('msnOffset')}::int[]) as f
        on conflict do nothing
      ), new_segments as (
        insert into recording_segments
          (recording_id, file_number, msn, byte_offset, byte_length, fragments, duration_s, decode_time_s, program_date_time)
        select mine.id, s.number, s.msn, s.byte_offset, s.byte_length, s.fragments, s.duration_s, s.decode_time_s,
          to_timestamp(s.unix_ms / 1000)
        from mine, unnest(${segment('fileNumber')}::int[], ${segment('msn')}::int[], ${segment('byteOffset')}::bigint[],
          ${segment('byteLength')}::int[], ${segment('fragments')}::int[], ${segment('durationS')}::float8[], ${segment('decodeTimeS')}::float8[],
          ${segment('programDateTimeMs')}::float8[])
          as s (number, msn, byte_offset, byte_length, fragments, duration_s, decode_time_s, unix_ms)
        on conflict do nothing
      )
      select from mine`;
    return rows.length > 0;
  }

  /** Returns the files of a recording by number. */
  async listFiles(recordingId: string): Promise<RecordingFile[]> {
    return await this.#sql<RecordingFile[]>`
      select number, rendition, kind, run, codec, width, height, frame_rate as "frameRate", channels,
        init_bytes as "initBytes", msn_offset as "msnOffset"
      from recording_files where recording_id = ${recordingId} order by number`;
  }

  /** Returns up to `limit` segments of a recording in the order of their numbers. */
  async listSegments(recordingId: string, limit: number): Promise<RecordedSegment[]> {
    return await this.#sql<RecordedSegment[]>`
      select file_number as "fileNumber", msn, byte_offset::float8 as "byteOffset", byte_length as "byteLength", fragments,
        duration_s as "durationS", decode_time_s as "decodeTimeS",
        extract(epoch from program_date_time)::float8 * 1000 as "programDateTimeMs"
      from recording_segments where recording_id = ${recordingId} order by msn, file_number limit ${limit}`;
  }

  /** Returns the end of the stored segments of each file, in bytes. */
  async listFileEnds(recordingId: string): Promise<{ rendition: string; run: number; endBytes: number }[]> {
    return await this.#sql<{ rendition: string; run: number; endBytes: number }[]>`
      select f.rendition, f.run, coalesce(max(s.byte_offset + s.byte_length), f.init_bytes)::float8 as "endBytes"
      from recording_files f left join recording_segments s
        on s.recording_id = f.recording_id and s.file_number = f.number
      where f.recording_id = ${recordingId} group by f.number, f.rendition, f.run, f.init_bytes`;
  }

  /** Deletes segments that end behind the end of their file, which a disk that lost data leaves. */
  async deleteBehind(recordingId: string, rendition: string, run: number, endBytes: number): Promise<number> {
    const result = await this.#sql`
      delete from recording_segments s using recording_files f
      where f.recording_id = ${recordingId} and f.rendition = ${rendition} and f.run = ${run}
        and s.recording_id = f.recording_id and s.file_number = f.number and s.byte_offset + s.byte_length > ${endBytes}`;
    return result.count;
  }
}
