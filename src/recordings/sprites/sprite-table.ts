import type { Sql } from '../../platform/index.js';

/** Sheet of tiles, in a row from left to right. */
export type SpriteSheet = {
  recordingId: string;
  /** Counts the sheets of a recording, from 0. */
  number: number;
  /** Times of the tiles, Unix ms. */
  timesMs: number[];
};

/** Statements on the table `recording_sprites` and on posters. Images are some thousandths of their recording. */
export class SpriteTable {
  readonly #sql: Sql;

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  /** Adds a sheet behind the others of a recording that is not being deleted. */
  async append(recordingId: string, timesMs: readonly number[], image: Buffer): Promise<void> {
    await this.#sql`
      insert into recording_sprites (recording_id, number, times_ms, image)
      select r.id, coalesce((select max(number) + 1 from recording_sprites where recording_id = r.id), 0),
        ${[...timesMs]}::float8[], ${image}
      from recordings r where r.id = ${recordingId} and r.state <> 'deleting'
      on conflict do nothing`;
  }

  async setPoster(recordingId: string, image: Buffer): Promise<void> {
    await this
      .#sql`update recordings set poster = ${image} where id = ${recordingId} and state <> 'deleting'`;
  }

  /** Returns the sheets of recordings in the order of time. */
  async list(recordingIds: readonly string[]): Promise<SpriteSheet[]> {
    return await this.#sql<SpriteSheet[]>`
      select recording_id as "recordingId", number, times_ms as "timesMs" from recording_sprites
      where recording_id = any(${[...recordingIds]}::uuid[]) order by times_ms[1]`;
  }

  /** @param recordingId must have the form of a UUID; also a part of a rewind window */
  async find(recordingId: string, number: number): Promise<Buffer | undefined> {
    const [row] = await this.#sql<{ image: Buffer }[]>`
      select s.image from recording_sprites s join recordings r on r.id = s.recording_id
      where s.recording_id = ${recordingId} and s.number = ${number}
        and r.state <> 'deleting' and (r.stream_id is not null or r.purpose = 'video')`;
    return row?.image;
  }

  /** @param recordingId must have the form of a UUID */
  async findPoster(recordingId: string): Promise<Buffer | undefined> {
    const [row] = await this.#sql<{ image: Buffer }[]>`
      select poster as image from recordings
      where id = ${recordingId} and poster is not null and state <> 'deleting'
        and (stream_id is not null or purpose = 'video')`;
    return row?.image;
  }
}
