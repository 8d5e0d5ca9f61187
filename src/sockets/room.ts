import type { Cancel, Clock } from '../platform/index.js';
import { type Announcement, MessageBatch } from './message-batch.js';

/** What a room needs of those who are in it. */
export type Member = { deliver(bulletin: MessageBatch): void };

/** A burst is held back so long, in ms per member and at least and at most: in small rooms it would gain nothing. */
const HOLD_MS_PER_MEMBER = 0.05;
const HOLD_MINIMUM_MS = 10;
const HOLD_MAXIMUM_MS = 100;
/** What goes out together has about so many characters at most. */
const BULLETIN_LENGTH = 64 * 1024;
/** Where the server itself does not keep up, droppable announcements are left out above so many characters. */
const QUEUE_LENGTH = 256 * 1024;
/** Members told in one go, before other work of the process gets its turn. */
const SLICE = 2_000;

/**
 * Clients who hear the same, in the same order. The first announcement goes out at once; those that follow within a
 * moment go out together after it, as what telling costs is the number of writes, not of bytes.
 */
export class Room {
  readonly #clock: Clock;
  /** With the number of the first announcement that is meant for them: what was told before they came is not. */
  readonly #members = new Map<Member, number>();
  #queue: Announcement[] = [];
  #queued = 0;
  /** The number of the first announcement in the queue. */
  #number = 0;
  #heldUntil = Number.NEGATIVE_INFINITY;
  #release: Cancel | undefined;
  #telling = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get size(): number {
    return this.#members.size;
  }

  enter(member: Member): void {
    this.#members.set(member, this.#number + this.#queue.length);
  }

  leave(member: Member): void {
    this.#members.delete(member);
    if (this.#members.size === 0) this.#clear();
  }

  announce(announcement: Announcement): void {
    if (this.#members.size === 0) return;
    if (announcement.droppable && this.#queued > QUEUE_LENGTH) return;
    this.#queue.push(announcement);
    this.#queued += announcement.length;
    this.#schedule();
  }

  #schedule(): void {
    if (this.#telling || this.#queue.length === 0) return;
    const wait = this.#heldUntil - this.#clock.monotonic();
    if (wait <= 0 || this.#queued >= BULLETIN_LENGTH) this.#tell();
    else this.#release ??= this.#clock.after(wait, () => this.#tell());
  }

  #clear(): void {
    this.#number += this.#queue.length;
    this.#queue = [];
    this.#queued = 0;
    this.#release?.();
    this.#release = undefined;
  }

  #tell(): void {
    const issue = new Issue(this.#queue, this.#number);
    this.#clear();
    const hold = Math.min(this.#members.size * HOLD_MS_PER_MEMBER, HOLD_MAXIMUM_MS);
    this.#heldUntil = this.#clock.monotonic() + Math.max(hold, HOLD_MINIMUM_MS);
    this.#telling = true;
    this.#tellSlice(issue, this.#members.entries());
  }

  /** Who comes meanwhile stands at the end of the map, and is passed over as the issue is older than they are. */
  #tellSlice(issue: Issue, members: IterableIterator<[Member, number]>): void {
    for (let told = 0; told < SLICE; told++) {
      const next = members.next();
      if (next.done) {
        this.#telling = false;
        this.#schedule();
        return;
      }
      const [member, since] = next.value;
      for (const bulletin of issue.since(since)) member.deliver(bulletin);
    }
    setImmediate(() => this.#tellSlice(issue, members));
  }
}

/** What goes out at one time. */
class Issue {
  readonly #announcements: Announcement[];
  readonly #number: number;
  readonly #whole: MessageBatch[];
  readonly #parts = new Map<number, MessageBatch[]>();

  constructor(announcements: Announcement[], number: number) {
    this.#announcements = announcements;
    this.#number = number;
    this.#whole = bulletinsOf(announcements);
  }

  /** For somebody who hears announcements from this number on. */
  since(number: number): MessageBatch[] {
    const from = number - this.#number;
    if (from <= 0) return this.#whole;
    let part = this.#parts.get(from);
    if (!part) this.#parts.set(from, (part = bulletinsOf(this.#announcements.slice(from))));
    return part;
  }
}

function bulletinsOf(announcements: readonly Announcement[]): MessageBatch[] {
  const bulletins: MessageBatch[] = [];
  let together: Announcement[] = [];
  let length = 0;
  for (const announcement of announcements) {
    if (together.length > 0 && length + announcement.length > BULLETIN_LENGTH) {
      bulletins.push(new MessageBatch(together));
      together = [];
      length = 0;
    }
    together.push(announcement);
    length += announcement.length;
  }
  if (together.length > 0) bulletins.push(new MessageBatch(together));
  return bulletins;
}
