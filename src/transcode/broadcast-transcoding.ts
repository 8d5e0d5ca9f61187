import type { Logger } from '../platform/index.js';
import type { Broadcast, BroadcastVisit, Source } from '../streams/index.js';
import { RtpSupervisor } from './rtp-supervisor.js';
import { type BroadcastMemory, Supervisor, type TranscodeSettings } from './supervisor.js';

/** When a broadcast ends, what is still inside its encoder is put out within this, ms. */
const FAREWELL_MS = 5_000;
/** A new publisher waits no longer than this for the rest of the one before it, ms. */
const HANDOVER_MS = 200;

/** One broadcast: its publications follow each other, and so do their encoders; never two at once. */
export class BroadcastTranscoding implements BroadcastVisit {
  readonly #broadcast: Broadcast;
  readonly #settings: TranscodeSettings;
  readonly #log: Logger;
  readonly #memory: BroadcastMemory = { encodeSource: false, software: false };
  #current: Supervisor | RtpSupervisor | undefined;

  constructor(broadcast: Broadcast, settings: TranscodeSettings, log: Logger) {
    this.#broadcast = broadcast;
    this.#settings = settings;
    this.#log = log.child({ streamId: broadcast.streamId, broadcastId: broadcast.id });
  }

  published(source: Source): void {
    const previous = this.#current;
    previous?.finish(HANDOVER_MS);
    for (const topic of ['shed', 'hls', 'transcoder']) this.#broadcast.notice(topic, undefined);
    const log = this.#log.child({ publicationId: source.id });
    const before = previous?.gone ?? Promise.resolve();
    const shared = [this.#settings, this.#memory, before, log] as const;
    this.#current = source.rtp
      ? new RtpSupervisor(this.#broadcast, source, source.rtp, ...shared)
      : new Supervisor(this.#broadcast, source, ...shared);
    source.read(this.#current);
  }

  async ended(): Promise<void> {
    this.#current?.finish(FAREWELL_MS);
    await this.#current?.gone;
  }

  /** Kills what runs. */
  async close(): Promise<void> {
    this.#current?.stop();
    await this.#current?.gone;
  }
}
