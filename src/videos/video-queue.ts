import type PgBoss from 'pg-boss';
import type { Logger, Sql } from '../platform/index.js';

/** Job of the queue: one attempt. */
export type VideoJob = { id: string; videoId: string };

/** Longer than any transcoding; the claims of the rows find processes that are gone, much sooner. */
const EXPIRE_S = 24 * 3_600 - 60;

/**
 * Queue of the videos of one folder that wait for their transcoding, in PostgreSQL (pg-boss, with a schema of its own). Gateways
 * with another folder have another queue: they cannot read the uploads.
 */
export class VideoQueue {
  readonly #sql: Sql;
  readonly #log: Logger;
  readonly #name: string;
  #boss: Promise<PgBoss> | undefined;

  /** @param storeId id of the folder */
  constructor(sql: Sql, storeId: string, log: Logger) {
    this.#sql = sql;
    this.#log = log;
    this.#name = `transcode-video-${storeId}`;
  }

  /** @returns the id of the job */
  async add(videoId: string): Promise<string> {
    const boss = await this.#open();
    const id = await boss.send(this.#name, { videoId }, { retryLimit: 0, expireInSeconds: EXPIRE_S });
    if (id === null) throw new Error('pg-boss took no job');
    return id;
  }

  /** Takes the next job; another process gets another one. */
  async take(): Promise<VideoJob | undefined> {
    const boss = await this.#open();
    const [job] = await boss.fetch<{ videoId: string }>(this.#name, { batchSize: 1 });
    return job && { id: job.id, videoId: job.data.videoId };
  }

  /** Ends a job whose attempt has ended. */
  async end(jobId: string): Promise<void> {
    await (await this.#open()).complete(this.#name, jobId);
  }

  /** Ends a job that has not been taken, or whose attempt has ended without a result. */
  async cancel(jobId: string): Promise<void> {
    await (await this.#open()).cancel(this.#name, jobId);
  }

  async close(): Promise<void> {
    const boss = await this.#boss?.catch(() => undefined);
    await boss?.stop({ graceful: false, wait: true });
  }

  /** Opened when it is first needed: most gateways have no uploads. */
  #open(): Promise<PgBoss> {
    this.#boss ??= this.#start().catch((error: unknown) => {
      this.#boss = undefined;
      throw error;
    });
    return this.#boss;
  }

  async #start(): Promise<PgBoss> {
    const db = { executeSql: (text: string, values?: unknown[]) => this.#execute(text, values) };
    const { default: Boss } = await import('pg-boss');
    const boss = new Boss({ db, schedule: false });
    boss.on('error', (error) => this.#log.warn({ err: error }, 'the queue of videos failed: retrying'));
    await boss.start();
    await boss.createQueue(this.#name);
    return boss;
  }

  async #execute(text: string, values?: unknown[]): Promise<{ rows: Record<string, unknown>[] }> {
    if (values !== undefined && values.length > 0)
      return { rows: await this.#sql.unsafe(text, values.map((value) => value ?? null) as never[]) };
    // Several statements with a transaction of their own: they need one connection.
    const connection = await this.#sql.reserve();
    try {
      return { rows: await connection.unsafe(text) };
    } finally {
      connection.release();
    }
  }
}
