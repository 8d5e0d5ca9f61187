import { randomBytes } from 'node:crypto';
import { type Clock, newId } from '../../platform/index.js';
import type { LiveBroadcast } from '../broadcast/live-broadcast.js';
import type { LivestreamTable } from './livestream-table.js';

/** How far a livestream's time may be away for a publisher to the channel to mean that one, in ms. */
const NEAR_MS = 30 * 60_000;
/** How long a choice stands until its broadcast is there: longer than any statement takes, in ms. */
const STANDS_MS = 30_000;

/** A publisher with the key of somebody's channel, and what a livestream is like that is made for them. */
export type ChannelPublisher = {
  userId: string;
  keyId: string;
  defaultTitle: string;
  defaultDescription: string;
  recordingEnabled: boolean;
};

export type ChannelChoiceOptions = {
  livestreams: LivestreamTable;
  /** The broadcasts under way, of everybody. */
  running: () => Iterable<LiveBroadcast>;
  clock: Clock;
};

/** Decides which of a user's livestreams a publisher to their channel means. */
export class ChannelChoice {
  readonly #options: ChannelChoiceOptions;
  /** By user: what was chosen a moment ago, for an encoder whose broadcast is not there yet. The oldest first. */
  readonly #recent = new Map<string, { streamId: string; until: number }>();

  constructor(options: ChannelChoiceOptions) {
    this.#options = options;
  }

  /**
   * The livestream that is under way (also one that waits for its publisher), else the one whose time is nearest, else
   * undefined. Must not be asked twice at once for one user.
   */
  async choose({ userId, keyId }: ChannelPublisher): Promise<string | undefined> {
    const { livestreams, clock } = this.#options;
    const under = await this.#underWay(userId, keyId);
    if (under !== undefined) return under;
    const now = clock.now();
    const recent = this.#recent.get(userId);
    if (recent && recent.until > now && (await livestreams.find(recent.streamId))?.status === 'scheduled')
      return recent.streamId;
    const next = await livestreams.findNear(userId, new Date(now), NEAR_MS);
    if (next !== undefined) this.#remember(userId, next, now);
    return next;
  }

  /**
   * Makes a livestream for a publisher. It is scheduled for now: whoever comes before its media do (another encoder, or
   * the same one after a refusal) finds it by its time.
   */
  async make({
    userId,
    defaultTitle,
    defaultDescription,
    recordingEnabled,
  }: ChannelPublisher): Promise<string> {
    const now = this.#options.clock.now();
    const { id } = await this.#options.livestreams.insert({
      id: newId(),
      userId,
      title: defaultTitle,
      description: defaultDescription,
      recordingEnabled,
      scheduledAt: new Date(now),
      // It has no key of its own: this is the hash of nothing.
      streamKeyHash: randomBytes(32).toString('hex'),
    });
    this.#remember(userId, id, now);
    return id;
  }

  /** The one that this key published to comes first, then one that has no publisher now, then the newest. */
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
    this.#recent.set(userId, { streamId, until: now + STANDS_MS });
    for (const [user, { until }] of this.#recent) {
      if (until > now) break;
      this.#recent.delete(user);
    }
  }
}
