import {
  type Clock,
  isUuid,
  type Logger,
  newId,
  PublicError,
  type Sql,
  type TargetPolicy,
} from '../platform/index.js';
import type { Broadcast, BroadcastSubscriber, BroadcastSubscription } from '../streams/index.js';
import { BroadcastRestream, type OpenTarget, type RestreamSource } from './broadcast-restream.js';
import type { LoopGuard } from './loop-guard.js';
import type {
  OutputStatus,
  RestreamTarget,
  TargetOwner,
  TargetRequest,
  TargetSecret,
} from './restream-target.js';
import { parseTarget } from './target-address.js';
import { TargetCipher } from './target-cipher.js';
import type { TargetConnection } from './target-connection.js';
import { TargetError } from './target-error.js';
import { type TargetChanges, TargetTable, type WantedTarget } from './target-table.js';

/** Targets of one livestream, and of one account. */
const MAXIMUM_TARGETS = 10;
/** Interval at which targets are read, statuses stored and bitrates measured, ms. */
const SYNC_INTERVAL_MS = 2_000;

export type RestreamsOptions = {
  sql: Sql;
  policy: TargetPolicy;
  loops: Pick<LoopGuard, 'check'>;
  /** Whether SRT targets can be served. */
  hasSrt(): Promise<boolean>;
  /** 32 bytes. */
  encryptionKey: Buffer;
  /** Maximum of outputs at the same time. */
  maximumOutputs: number;
  /** Connects to a target by its protocol. */
  connect(target: ReadableTarget, source: RestreamSource, signal: AbortSignal): Promise<TargetConnection>;
  clock: Clock;
  log: Logger;
};

/** Target whose secrets could be decrypted. */
export type ReadableTarget = OpenTarget & { secret: TargetSecret };

/** A status for the owner of a livestream, as it changes. */
export type StatusListener = (streamId: string, targetId: string, status: OutputStatus) => void;

/**
 * Stores restream targets and sends the broadcasts that run in this process to them. Rows hold what is wanted; several
 * gateways may share them: each reads the targets of its broadcasts, and claims a target before it sends.
 */
export class Restreams implements BroadcastSubscriber {
  readonly name = 'restreams';
  readonly #options: RestreamsOptions;
  readonly #table: TargetTable;
  readonly #cipher: TargetCipher;
  readonly #claimant = newId();
  /** By stream id. */
  readonly #broadcasts = new Map<string, BroadcastRestream>();
  readonly #listeners = new Set<StatusListener>();
  readonly #lifetime = new AbortController();
  #syncing: Promise<void> | undefined;
  #syncAgain = false;

  constructor(options: RestreamsOptions) {
    this.#options = options;
    this.#table = new TargetTable(options.sql);
    this.#cipher = new TargetCipher(options.encryptionKey);
    const { clock } = options;
    clock.every(SYNC_INTERVAL_MS, () => this.#tick(), this.#lifetime.signal);
  }

  /** To be called after the broadcasts are closed. Idempotent. */
  async close(): Promise<void> {
    this.#lifetime.abort();
    await this.#syncing;
  }

  subscribe(broadcast: Broadcast): BroadcastSubscription {
    const { clock, log } = this.#options;
    const restream = new BroadcastRestream(broadcast, {
      connect: (target, source, signal) => this.#connect(target, source, signal),
      onState: (targetId, streamId) => this.#announce(streamId, targetId),
      clock,
      log,
    });
    this.#broadcasts.set(broadcast.streamId, restream);
    void this.#sync();
    return {
      publicationStarted: (source) => restream.publicationStarted(source),
      encoderRunStarted: (run) => restream.encoderRunStarted(run),
      broadcastEnded: async () => {
        if (this.#broadcasts.get(broadcast.streamId) === restream)
          this.#broadcasts.delete(broadcast.streamId);
        const targetIds = restream.statuses.map(([id]) => id);
        await restream.broadcastEnded();
        await Promise.all(targetIds.map((id) => this.#release(id)));
      },
    };
  }

  /** Calls the listener at each change of a state, and with each measured bitrate. It must not throw. */
  onStatus(listener: StatusListener): void {
    this.#listeners.add(listener);
  }

  /** Returns the targets that serve a livestream: its own, and those of its owner. */
  async listForStream(streamId: string, userId: string | null): Promise<RestreamTarget[]> {
    return (await this.#table.list({ streamId, userId })).map((target) => this.#current(target));
  }

  async list(owner: TargetOwner): Promise<RestreamTarget[]> {
    const targets = await this.#table.list({ streamId: null, userId: null, ...owner });
    return targets.map((target) => this.#current(target));
  }

  /** @throws PublicError 404 `restream_target_not_found` */
  async find(owner: TargetOwner, id: string): Promise<RestreamTarget> {
    const { sealed: _, ...target } = await this.#require(owner, id);
    return this.#current(target);
  }

  /**
   * Creates a target; a running broadcast is sent to it within seconds.
   *
   * @throws PublicError 400 `url_not_allowed`, `restream_key_invalid`, `restream_loop`, 409 `too_many_restream_targets`
   */
  async create(owner: TargetOwner, request: TargetRequest): Promise<RestreamTarget> {
    const id = newId();
    const target = await this.#table.insert(
      {
        id,
        userId: 'userId' in owner ? owner.userId : null,
        streamId: 'streamId' in owner ? owner.streamId : null,
        name: request.name,
        enabled: request.enabled ?? true,
        ...(await this.#address(id, request)),
        nowMs: this.#options.clock.now(),
      },
      MAXIMUM_TARGETS,
    );
    if (!target)
      throw new PublicError(
        409,
        'too_many_restream_targets',
        `There may be ${MAXIMUM_TARGETS} targets here: delete one first.`,
      );
    void this.#sync();
    return this.#current(target);
  }

  /**
   * Changes the given fields. A new URL needs its key again, so that no key is sent to another server than the one it was
   * entered for. A running broadcast follows within seconds.
   *
   * @throws PublicError as `create`, 404 `restream_target_not_found`
   */
  async update(owner: TargetOwner, id: string, request: Partial<TargetRequest>): Promise<RestreamTarget> {
    const { name, enabled, url, key, passphrase } = request;
    const before = await this.#require(owner, id);
    let address: TargetChanges['address'];
    if (url !== undefined) address = await this.#address(before.id, { url, key, passphrase });
    else if (key !== undefined || passphrase !== undefined) {
      const secret = this.#cipher.open(before.id, before.sealed);
      if (!secret)
        throw new PublicError(
          400,
          'restream_key_invalid',
          'The stored URL cannot be read: enter the URL too.',
        );
      address = await this.#address(before.id, { ...secret, ...definedOf({ key, passphrase }) });
    }
    const now = new Date(this.#options.clock.now());
    const target = await this.#table.update(owner, before.id, { name, enabled, address }, now);
    if (!target) throw targetNotFound();
    void this.#sync();
    return this.#current(target);
  }

  /** Deletes a target and ends its output. @throws PublicError 404 `restream_target_not_found` */
  async remove(owner: TargetOwner, id: string): Promise<void> {
    if (!isUuid(id) || !(await this.#table.delete(owner, id))) throw targetNotFound();
    void this.#sync();
  }

  /** Deletes the targets of an account. */
  async forgetUser(userId: string): Promise<void> {
    await this.#table.deleteOfUser(userId);
  }

  async #require(owner: TargetOwner, id: string): Promise<RestreamTarget & { sealed: Buffer }> {
    const target = isUuid(id) ? await this.#table.find(owner, id) : undefined;
    if (!target) throw targetNotFound();
    return target;
  }

  async #address(
    id: string,
    request: Pick<TargetRequest, 'url' | 'key' | 'passphrase'>,
  ): Promise<NonNullable<TargetChanges['address']>> {
    const { policy, loops, hasSrt } = this.#options;
    const { secret, ...shown } = parseTarget(request, policy);
    if (shown.protocol === 'srt' && !(await hasSrt()))
      throw new PublicError(
        400,
        'url_not_allowed',
        'The ffmpeg of this server has no SRT: use RTMP or WHIP.',
      );
    await loops.check(secret);
    return { ...shown, sealed: this.#cipher.seal(id, secret) };
  }

  /** Replaces the stored status by that in memory, if the output runs here. */
  #current(target: RestreamTarget): RestreamTarget {
    for (const restream of this.#broadcasts.values()) {
      const status = restream.status(target.id);
      if (status) return { ...target, status };
    }
    return target;
  }

  #announce(streamId: string, targetId: string): void {
    const status = this.#broadcasts.get(streamId)?.status(targetId);
    if (status) for (const listener of this.#listeners) listener(streamId, targetId, status);
  }

  #tick(): void {
    if (this.#broadcasts.size === 0) return;
    for (const restream of this.#broadcasts.values()) {
      restream.sample();
      for (const [id, { state }] of restream.statuses)
        if (state === 'live') this.#announce(restream.streamId, id);
    }
    // Not again while the database hangs.
    if (!this.#syncing) void this.#sync();
  }

  /** Makes the outputs of this process those that are wanted. Never rejects; calls during a run are merged into one more. */
  #sync(): Promise<void> {
    this.#syncAgain = true;
    this.#syncing ??= this.#runSyncs().finally(() => {
      this.#syncing = undefined;
    });
    return this.#syncing;
  }

  async #runSyncs(): Promise<void> {
    // Collects the calls of one turn.
    await Promise.resolve();
    while (this.#syncAgain && !this.#lifetime.signal.aborted) {
      this.#syncAgain = false;
      try {
        await this.#syncOnce();
      } catch (error) {
        this.#options.log.warn({ err: error }, 'restream targets could not be read: retrying');
        return;
      }
    }
  }

  async #syncOnce(): Promise<void> {
    const restreams = [...this.#broadcasts.values()];
    if (restreams.length === 0) return;
    const statuses = restreams.flatMap((restream) => restream.statuses);
    const held = new Set(await this.#table.store(statuses, this.#claimant));
    const wanted = await this.#table.wanted(restreams.map(({ streamId }) => streamId));
    for (const restream of restreams) {
      const targets = wanted.filter(({ streamId }) => streamId === restream.streamId);
      await Promise.all(
        restream.statuses.map(async ([id]) => {
          const target = targets.find((candidate) => candidate.id === id);
          if (target && held.has(id) && restream.serves(target)) return;
          await restream.stop(id);
          await this.#release(id);
          this.#announceIdle(restream.streamId, id);
        }),
      );
      for (const target of targets) if (!restream.serves(target)) await this.#start(restream, target);
    }
  }

  async #start(restream: BroadcastRestream, target: WantedTarget): Promise<void> {
    const { id, streamId, protocol, version, sealed } = target;
    const now = new Date(this.#options.clock.now());
    if (!(await this.#table.claim(id, streamId, this.#claimant, now))) return;
    const secret = this.#cipher.open(id, sealed);
    if (this.#broadcasts.get(streamId) === restream) restream.start({ id, protocol, version, secret });
    else await this.#release(id);
  }

  async #connect(target: OpenTarget, source: RestreamSource, signal: AbortSignal): Promise<TargetConnection> {
    const { maximumOutputs, loops, connect } = this.#options;
    let outputs = 0;
    for (const { size } of this.#broadcasts.values()) outputs += size;
    if (outputs > maximumOutputs)
      throw new TargetError(
        'too_many_outputs',
        `This server sends to ${maximumOutputs} targets at most at the same time.`,
      );
    const { secret } = target;
    if (!secret) throw new TargetError('key_unreadable');
    await loops.check(secret);
    return await connect({ ...target, secret }, source, signal);
  }

  async #release(id: string): Promise<void> {
    const { clock, log } = this.#options;
    await this.#table.release(id, this.#claimant, new Date(clock.now())).catch((error: unknown) => {
      log.warn({ err: error, targetId: id }, 'restream target could not be released: its claim runs out');
    });
  }

  #announceIdle(streamId: string, targetId: string): void {
    const since = new Date(this.#options.clock.now());
    const status = {
      state: 'idle' as const,
      since,
      error: null,
      errorCode: null,
      bitrateBps: null,
      droppedFrames: 0,
      streamId: null,
    };
    for (const listener of this.#listeners) listener(streamId, targetId, status);
  }
}

function definedOf(values: { key: string | undefined; passphrase: string | undefined }) {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));
}

export function targetNotFound(): PublicError {
  return new PublicError(404, 'restream_target_not_found', 'There is no such restream target.');
}
