import type { Sql } from '../platform/index.js';
import type { OutputStatus, RestreamTarget, TargetOwner, TargetProtocol } from './restream-target.js';

/** Time after which another gateway may serve a target whose claim was not renewed, s. */
export const CLAIM_S = 15;

export type StoredTarget = Omit<RestreamTarget, 'createdAt' | 'status'> & {
  sealed: Buffer;
  /** Unix ms. */
  nowMs: number;
};

export type TargetChanges = {
  name?: string | undefined;
  enabled?: boolean | undefined;
  address?: Pick<StoredTarget, 'protocol' | 'shownUrl' | 'shownKey' | 'sealed'> | undefined;
};

/** Enabled target of a running broadcast. */
export type WantedTarget = {
  id: string;
  streamId: string;
  protocol: TargetProtocol;
  sealed: Buffer;
  version: string;
};

type Row = Omit<RestreamTarget, 'status'> &
  Omit<OutputStatus, 'streamId'> & { outputStreamId: string | null };

/** Statements on the table `restream_targets`. Claims are judged by the clock of the database. */
export class TargetTable {
  readonly #sql: Sql;

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  /** @returns undefined if the owner has `maximum` targets */
  async insert(target: StoredTarget, maximum: number): Promise<RestreamTarget | undefined> {
    const { id, userId, streamId, name, protocol, shownUrl, shownKey, sealed, enabled, nowMs } = target;
    const now = new Date(nowMs);
    return await this.#sql.begin(async (sql) => {
      await sql`select pg_advisory_xact_lock(hashtextextended(${`restreams ${userId ?? streamId}`}, 0))`;
      const rows = await sql<Row[]>`
        insert into restream_targets (id, user_id, stream_id, name, protocol, shown_url, shown_key, sealed, enabled,
          created_at, changed_at, state_since)
        select ${id}::uuid, ${userId}::text, ${streamId}::uuid, ${name}::text, ${protocol}::text, ${shownUrl}::text,
          ${shownKey}::text, ${sealed}::bytea, ${enabled}::boolean, ${now}::timestamptz, ${now}::timestamptz,
          ${now}::timestamptz
        where (select count(*) from restream_targets where user_id = ${userId} or stream_id = ${streamId}::uuid) < ${maximum}
        returning ${this.#columns()}`;
      return rows[0] && toTarget(rows[0]);
    });
  }

  /** Returns the targets of a livestream and of the account that owns it, or of an account alone, oldest first. */
  async list({
    streamId,
    userId,
  }: {
    streamId: string | null;
    userId: string | null;
  }): Promise<RestreamTarget[]> {
    const rows = await this.#sql<Row[]>`
      select ${this.#columns()} from restream_targets
      where stream_id = ${streamId}::uuid or user_id = ${userId} order by id`;
    return rows.map(toTarget);
  }

  /** @param id must have the form of a UUID */
  async find(owner: TargetOwner, id: string): Promise<(RestreamTarget & { sealed: Buffer }) | undefined> {
    const [row] = await this.#sql<(Row & { sealed: Buffer })[]>`
      select ${this.#columns()}, sealed from restream_targets where id = ${id} and ${this.#ofOwner(owner)}`;
    return row && { ...toTarget(row), sealed: row.sealed };
  }

  async update(
    owner: TargetOwner,
    id: string,
    { name, enabled, address }: TargetChanges,
    now: Date,
  ): Promise<RestreamTarget | undefined> {
    const [row] = await this.#sql<Row[]>`
      update restream_targets set
        name = coalesce(${name ?? null}, name), enabled = coalesce(${enabled ?? null}, enabled),
        protocol = coalesce(${address?.protocol ?? null}, protocol),
        shown_url = coalesce(${address?.shownUrl ?? null}, shown_url),
        shown_key = case when ${address !== undefined} then ${address?.shownKey ?? null} else shown_key end,
        sealed = coalesce(${address?.sealed ?? null}::bytea, sealed),
        changed_at = case when ${address !== undefined} or enabled <> coalesce(${enabled ?? null}, enabled)
          then ${now} else changed_at end
      where id = ${id} and ${this.#ofOwner(owner)} returning ${this.#columns()}`;
    return row && toTarget(row);
  }

  async delete(owner: TargetOwner, id: string): Promise<boolean> {
    const result = await this.#sql`delete from restream_targets where id = ${id} and ${this.#ofOwner(owner)}`;
    return result.count > 0;
  }

  async deleteOfUser(userId: string): Promise<void> {
    await this.#sql`delete from restream_targets where user_id = ${userId}`;
  }

  /** Returns the enabled targets of livestreams. */
  async wanted(streamIds: string[]): Promise<WantedTarget[]> {
    return await this.#sql<WantedTarget[]>`
      select targets.id, livestreams.id as "streamId", protocol, sealed, changed_at::text as version
      from livestreams join restream_targets targets
        on targets.stream_id = livestreams.id or targets.user_id = livestreams.user_id
      where livestreams.id = any(${streamIds}::uuid[]) and enabled and livestreams.visibility_after_test is null
      order by livestreams.id, targets.id`;
  }

  /** Claims a target for one broadcast, unless another one is sent to it. @returns whether it is claimed */
  async claim(id: string, streamId: string, claimant: string, now: Date): Promise<boolean> {
    const result = await this.#sql`
      update restream_targets set claimed_by = ${claimant}, claimed_until = now() + ${CLAIM_S} * interval '1 s',
        output_stream_id = ${streamId}, state = 'idle', state_since = ${now}, error = null, error_code = null,
        bitrate_bps = null, dropped_frames = 0
      where id = ${id} and enabled and (claimed_until is null or claimed_until < now())`;
    return result.count > 0;
  }

  /** Renews claims and stores the statuses of their outputs. @returns the ids of targets that are still claimed */
  async store(statuses: [id: string, status: OutputStatus][], claimant: string): Promise<string[]> {
    if (statuses.length === 0) return [];
    const values = statuses.map(([id, { state, since, error, errorCode, bitrateBps, droppedFrames }]) => {
      return {
        ...{ id, state, since: since.toISOString(), error, errorCode },
        ...{ bitrate: bitrateBps, dropped: droppedFrames },
      };
    });
    const rows = await this.#sql<{ id: string }[]>`
      update restream_targets targets set claimed_until = now() + ${CLAIM_S} * interval '1 s', state = status.state,
        state_since = status.since, error = status.error, error_code = status."errorCode", bitrate_bps = status.bitrate,
        dropped_frames = status.dropped
      from jsonb_to_recordset(${this.#sql.json(values)})
        as status(id uuid, state text, since timestamptz, error text, "errorCode" text, bitrate integer,
          dropped integer)
      where targets.id = status.id and claimed_by = ${claimant} returning targets.id`;
    return rows.map(({ id }) => id);
  }

  /** Ends a claim. */
  async release(id: string, claimant: string, now: Date): Promise<void> {
    await this.#sql`
      update restream_targets set claimed_by = null, claimed_until = null, output_stream_id = null, state = 'idle',
        state_since = ${now}, error = null, error_code = null, bitrate_bps = null, dropped_frames = 0
      where id = ${id} and claimed_by = ${claimant}`;
  }

  #ofOwner(owner: TargetOwner): ReturnType<Sql> {
    return 'streamId' in owner
      ? this.#sql`stream_id = ${owner.streamId}::uuid`
      : this.#sql`user_id = ${owner.userId}`;
  }

  /** The status of an output whose gateway is gone counts as idle. */
  #columns(): ReturnType<Sql> {
    const isCurrent = this.#sql`coalesce(claimed_until > now(), false)`;
    return this
      .#sql`id, user_id as "userId", stream_id as "streamId", name, protocol, shown_url as "shownUrl",
      shown_key as "shownKey", enabled, created_at as "createdAt",
      case when ${isCurrent} then state else 'idle' end as state, state_since as since,
      case when ${isCurrent} then error end as error,
      case when ${isCurrent} then error_code end as "errorCode", case when ${isCurrent} then bitrate_bps end as "bitrateBps",
      dropped_frames as "droppedFrames", case when ${isCurrent} then output_stream_id end as "outputStreamId"`;
  }
}

function toTarget(row: Row): RestreamTarget {
  const { id, userId, streamId, name, protocol, shownUrl, shownKey, enabled, createdAt } = row;
  const { state, since, error, errorCode, bitrateBps, droppedFrames, outputStreamId } = row;
  return {
    ...{ id, userId, streamId, name, protocol, shownUrl, shownKey, enabled, createdAt },
    status: { state, since, error, errorCode, bitrateBps, droppedFrames, streamId: outputStreamId },
  };
}
