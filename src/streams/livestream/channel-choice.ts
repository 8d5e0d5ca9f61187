import type { Clock } from '../../platform/index.js';
import type { LiveBroadcast } from '../broadcast/live-broadcast.js';
import type { Livestreams } from './livestreams.js';

/** Largest distance between now and the start of a scheduled livestream that a publisher can mean, ms. */
const NEAR_MS = 30 * 60_000;
/** Time a choice is kept until its broadcast is open, ms: longer than any statement takes. */
const CHOICE_TTL_MS = 30_000;

/** Publisher with the key of a channel, and the properties of a livestream created for it. */
export type ChannelPublisher = {
  userId: string;
  keyId: string;
  defaultTitle: string;
  defaultDescription: string;
  recordingEnabled: boolean;
};

export type ChannelChoiceOptions = {
  livestreams: Pick<Livestreams, 'createForChannel' | 'find' | 'findNear' | 'ownedAmong'>;
  /** Returns all broadcasts that have not ended. */
  running: () => Iterable<LiveBroadcast>;
  clock: Clock;
};

/** Chooses the livestream of a publisher that uses the key of a channel. */
export class ChannelChoice {
  readonly #options: ChannelChoiceOptions;
  /** Recent choices by user, oldest first, for publishers whose broadcast is not open yet. */
  readonly #recent = new Map<string, { streamId: string; untilMs: number }>();

  constructor(options: ChannelChoiceOptions) {
    this.#options = options;
  }

  /**
   * Returns the livestream with a running broadcast (also one that waits for its publisher), else the one with the nearest
   * start, else undefined. Calls of one user must be serialized.
   */
  async chooseLivestream({ userId, keyId }: ChannelPublisher): Promise<string | undefined> {
    const { livestreams, clock } = this.#options;
    const under = await this.#underWay(userId, keyId);
    if (under !== undefined) return under;
    const now = clock.now();
    const recent = this.#recent.get(userId);
    if (recent && recent.untilMs > now && (await livestreams.find(recent.streamId))?.status === 'scheduled')
      return recent.streamId;
    const next = await livestreams.findNear(userId, new Date(now), NEAR_MS);
    if (next !== undefined) this.#remember(userId, next, now);
    return next;
  }

  /**
   * Creates a livestream for a publisher, scheduled for now: another publisher of the channel that connects before the
   * media arrive finds it by its time.
   */
  async createLivestream({
    userId,
    defaultTitle,
    defaultDescription,
    recordingEnabled,
  }: ChannelPublisher): Promise<string> {
    const now = this.#options.clock.now();
    const { id } = await this.#options.livestreams.createForChannel({
      userId,
      title: defaultTitle,
      description: defaultDescription,
      recordingEnabled,
      scheduledAt: new Date(now),
    });
    this.#remember(userId, id, now);
    return id;
  }

  /** Prefers the broadcast of this key, then one without a publisher, then the newest. */
  async #underWay(userId: string, keyId: string): Promise<string | undefined> {
    const { livestreams, running } = this.#options;
    const open = new Map([...running()].map((broadcast) => [broadcast.streamId, broadcast]));
    const owned = await livestreams.ownedAmong(userId, [...open.keys()]);
    const candidates = owned.flatMap((streamId) => {
      const broadcast = open.get(streamId);
      return broadcast && broadcast.state.name !== 'ending' && broadcast.state.name !== 'offline'
        ? [broadcast]
        : [];
    });
    const [first] = candidates.sort(
      (a, b) =>
        Number(b.keyId === keyId) - Number(a.keyId === keyId) ||
        Number(a.publishing) - Number(b.publishing) ||
        b.startedAt - a.startedAt,
    );
    return first?.streamId;
  }

  #remember(userId: string, streamId: string, now: number): void {
    this.#recent.delete(userId);
    this.#recent.set(userId, { streamId, untilMs: now + CHOICE_TTL_MS });
    for (const [user, { untilMs }] of this.#recent) {
      if (untilMs > now) break;
      this.#recent.delete(user);
    }
  }
}
