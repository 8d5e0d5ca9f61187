import type { Sql } from '../../platform/index.js';
import { CLAIM_S } from '../recording-table.js';
import type { UploadedPart } from './object-store.js';

/** Recording to be uploaded, claimed by this process. `local`: its objects are not complete; `both`: its files can be deleted. */
export type ClaimedUpload = { id: string; location: 'local' | 'both'; objectStore: string | null };

/** File of a recording and its upload. */
export type FileUpload = {
  number: number;
  rendition: string;
  run: number;
  /** As its segments say. */
  sizeBytes: number;
  /** Null: not begun. */
  uploadId: string | null;
  partBytes: number | null;
  isVerified: boolean;
};

export type PartRow = UploadedPart & { md5: string };

/** Delay after a failure that another attempt may repeat, doubled each time, s. */
const RETRY_S = 30;
const RETRY_MAXIMUM_S = 6 * 3_600;

/**
 * Statements on `recording_objects`, their parts, and the columns of `recordings` about uploads. As for recordings, each
 * change carries the claimant: a process that lost its claim, or whose recording is being deleted, changes nothing.
 */
export class ObjectTable {
  readonly #sql: Sql;

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  /** Claims the recording, clip or video of a folder that waits longest for its upload. */
  async claim(storeId: string, claimant: string): Promise<ClaimedUpload | undefined> {
    const [row] = await this.#sql<ClaimedUpload[]>`
      update recordings set claimed_by = ${claimant}, claimed_until = now() + ${CLAIM_S} * interval '1 s'
      where id = (
        select id from recordings
        where store_id = ${storeId} and state = 'ready' and purpose in ('recording', 'clip', 'video')
          and location in ('local', 'both') and upload_after <= now()
          and (claimed_until is null or claimed_until < now())
        order by upload_after, id limit 1 for update skip locked)
      returning id, location, object_store as "objectStore"`;
    return row;
  }

  /** @returns false when the claim is lost, or the recording is being deleted */
  async renew(id: string, claimant: string): Promise<boolean> {
    const result = await this.#sql`
      update recordings set claimed_until = now() + ${CLAIM_S} * interval '1 s' where ${this.#mine(id, claimant)}`;
    return result.count > 0;
  }

  /** Whether the recording is gone, or being deleted. */
  async isDeleted(id: string): Promise<boolean> {
    const rows = await this.#sql`select from recordings where id = ${id} and state <> 'deleting'`;
    return rows.length === 0;
  }

  /** Gives up a claim. The recording comes after all others that wait. */
  async release(id: string, claimant: string): Promise<void> {
    await this.#sql`
      update recordings set claimed_by = null, claimed_until = null, upload_after = now()
      where id = ${id} and claimed_by = ${claimant}`;
  }

  /** Puts the next attempt off, longer with each failure, and releases the claim. */
  async postpone(id: string, claimant: string): Promise<void> {
    await this.#sql`
      update recordings set claimed_by = null, claimed_until = null, upload_failures = upload_failures + 1,
        upload_after = now() + least(${RETRY_MAXIMUM_S}, ${RETRY_S} * 2 ^ least(upload_failures, 20)) * interval '1 s'
      where id = ${id} and claimed_by = ${claimant}`;
  }

  /** Notes the store before anything is in it; uploads to another one are forgotten. */
  async setStore(id: string, claimant: string, objectStore: string): Promise<boolean> {
    const rows = await this.#sql`
      with mine as (
        update recordings set object_store = ${objectStore} where ${this.#mine(id, claimant)} returning id
      ), others as (
        delete from recording_objects using mine, recordings before
        where recording_id = mine.id and before.id = mine.id and before.object_store is distinct from ${objectStore}
      )
      select from mine`;
    return rows.length > 0;
  }

  async listFiles(id: string): Promise<FileUpload[]> {
    return await this.#sql<FileUpload[]>`
      select f.number, f.rendition, f.run, o.upload_id as "uploadId", o.part_bytes as "partBytes",
        o.verified_at is not null as "isVerified",
        coalesce((select max(s.byte_offset + s.byte_length) from recording_segments s
          where s.recording_id = f.recording_id and s.file_number = f.number), f.init_bytes)::float8 as "sizeBytes"
      from recording_files f left join recording_objects o on o.recording_id = f.recording_id and o.file_number = f.number
      where f.recording_id = ${id} order by f.number`;
  }

  /** Stores an upload that was begun, in the place of an earlier one and its parts. */
  async begin(
    id: string,
    claimant: string,
    { number, sizeBytes }: FileUpload,
    { uploadId, partBytes }: { uploadId: string; partBytes: number },
  ): Promise<boolean> {
    return await this.#sql.begin(async (sql) => {
      await sql`delete from recording_objects where recording_id = ${id} and file_number = ${number}`;
      const result = await sql`
        insert into recording_objects (recording_id, file_number, upload_id, size_bytes, part_bytes)
        select id, ${number}, ${uploadId}, ${sizeBytes}, ${partBytes} from recordings where ${this.#mine(id, claimant)}`;
      return result.count > 0;
    });
  }

  async listParts(id: string, number: number): Promise<PartRow[]> {
    return await this.#sql<PartRow[]>`
      select number, etag, md5 from recording_object_parts
      where recording_id = ${id} and file_number = ${number} order by number`;
  }

  async addPart(id: string, claimant: string, number: number, part: PartRow): Promise<boolean> {
    const result = await this.#sql`
      insert into recording_object_parts (recording_id, file_number, number, etag, md5)
      select id, ${number}, ${part.number}, ${part.etag}, ${part.md5} from recordings
      where ${this.#mine(id, claimant)}
      on conflict (recording_id, file_number, number) do update set etag = excluded.etag, md5 = excluded.md5`;
    return result.count > 0;
  }

  /** Forgets the upload of a file, so that it begins again. */
  async forget(id: string, claimant: string, number: number): Promise<void> {
    await this.#sql`
      delete from recording_objects using recordings
      where recording_id = ${id} and file_number = ${number} and ${this.#mine(id, claimant)}`;
  }

  async setVerified(id: string, claimant: string, number: number): Promise<boolean> {
    const result = await this.#sql`
      update recording_objects set verified_at = now() from recordings
      where recording_id = ${id} and file_number = ${number} and ${this.#mine(id, claimant)}`;
    return result.count > 0;
  }

  /** Changes where a recording is, if all of its files are verified. */
  async setLocation(id: string, claimant: string, location: 'both' | 'remote'): Promise<boolean> {
    const result = await this.#sql`
      update recordings set location = ${location}, upload_failures = 0
      where ${this.#mine(id, claimant)} and not exists (
        select from recording_files f left join recording_objects o
          on o.recording_id = f.recording_id and o.file_number = f.number
        where f.recording_id = recordings.id and o.verified_at is null)`;
    return result.count > 0;
  }

  #mine(id: string, claimant: string): ReturnType<Sql> {
    return this.#sql`recordings.id = ${id} and claimed_by = ${claimant} and state = 'ready'`;
  }
}
