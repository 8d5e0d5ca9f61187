import { nameOf } from '../../accounts/index.js';
import { type Clock, type Logger, newId, PublicError, parseUuid, type Sql } from '../../platform/index.js';
import type { SocketHub } from '../../sockets/index.js';
import { BatchWriter, type BatchWriterLimits } from '../batch-writer.js';
import { type ChatRoles, notSignedIn, type Visitor } from '../chat-role.js';
import type { ChatRoom } from '../chat-room.js';
import type { ChatContext, ChatRooms } from '../chat-rooms.js';
import { normaliseMessage } from '../messages/message-text.js';
import type { Moderation } from '../moderation/moderation.js';
import { assertNotBanned } from '../moderation/posting-rules.js';
import { Throttle } from '../throttle.js';
import { Poll, type PublicPoll, publicPoll } from './poll.js';
import { PollTable, type Vote } from './poll-table.js';

const BROADCAST_INTERVAL_MS = 1_000;
/** Delay before a failed close is retried, ms. */
const CLOSE_RETRY_MS = 5_000;
const OPTION_COUNT = { least: 2, most: 10 };
const DURATION_S = { least: 10, most: 3_600, usual: 60 };

export type PollRequest = { question: string; options: string[]; seconds?: number | undefined };

export type PollsOptions = {
  sql: Sql;
  rooms: ChatRooms;
  roles: ChatRoles;
  moderation: Moderation;
  hub: Pick<SocketHub, 'broadcast'>;
  clock: Clock;
  log: Logger;
  limits: BatchWriterLimits;
};

/**
 * Polls: one at a time in a livestream, one vote for every account. A vote is acknowledged when it is committed, so
 * that a restart loses none: `start` loads open polls with their votes, and closes those that are due.
 */
export class Polls {
  readonly #options: PollsOptions;
  readonly #table: PollTable;
  readonly #writer: BatchWriter<Vote, undefined>;
  readonly #broadcasts = new Map<string, Throttle>();
  readonly #lifetime = new AbortController();

  constructor(options: PollsOptions) {
    this.#options = options;
    const table = new PollTable(options.sql);
    const { clock, log, limits } = options;
    const write = async (votes: Vote[]): Promise<undefined[]> => {
      await table.vote(votes);
      return votes.map(() => undefined);
    };
    this.#table = table;
    this.#writer = new BatchWriter({ write, clock, log, limits });
  }

  /** Loads polls that an earlier process left open. */
  async start(): Promise<void> {
    for (const streamId of await this.#table.streamsWithOpenPoll()) {
      const room = await this.#options.rooms.load(streamId);
      if (room.poll) this.#scheduleClose(room, room.poll);
    }
  }

  /**
   * Opens a poll; for moderators. @throws PublicError 400 `poll_invalid`, 409 `poll_open`, and those of `Moderation`
   */
  async create(visitor: Visitor, streamId: string, request: PollRequest): Promise<PublicPoll> {
    const { rooms, roles, moderation, clock } = this.#options;
    const { question, options, seconds } = readPoll(request);
    return await rooms.withRoom(streamId, visitor.principal, async (context) => {
      const { room } = context;
      roles.requireModerator(visitor, context);
      return await room.runExclusive(async () => {
        if (room.poll) throw new PublicError(409, 'poll_open', 'A poll is open already: close it first.');
        const now = clock.now();
        const stored = {
          id: newId(),
          streamId: room.streamId,
          question,
          options,
          votes: null,
          createdBy: nameOf(visitor.principal),
          createdAt: new Date(now),
          closesAt: new Date(now + seconds * 1_000),
          closedAt: null,
        };
        const logged = { action: 'poll-created', details: { pollId: stored.id, question } } as const;
        await moderation.runLogged(visitor, context, logged, (sql) => this.#table.insert(sql, stored));
        const poll = new Poll(stored, []);
        room.poll = poll;
        this.#scheduleClose(room, poll);
        return this.#broadcast(room, poll.public());
      });
    });
  }

  /**
   * Counts a vote; resolves when it is committed.
   *
   * @param option index from 0
   * @throws PublicError 400 `option_invalid`, 401 `not_signed_in`, 403 `banned`, `account_needed`, 404
   * `stream_not_found`, `poll_not_found`, 409 `poll_closed`, `voted_already`, 503
   */
  async vote(visitor: Visitor, streamId: string, pollId: string, option: number): Promise<PublicPoll> {
    const { rooms, roles } = this.#options;
    const { principal } = visitor;
    return await rooms.withRoom(streamId, principal, async (context) => {
      if (principal.kind === 'operator')
        throw new PublicError(403, 'account_needed', 'The operator cannot vote: sign in with an account.');
      if (principal.kind !== 'account') throw notSignedIn();
      const { room } = context;
      const { userId } = principal;
      const role = roles.roleOf(principal, context);
      assertNotBanned(room, { userId, role, addressHash: null });
      const poll = await this.#findOpenPoll(room, pollId);
      if (!Number.isInteger(option) || option < 0 || option >= poll.stored.options.length)
        throw new PublicError(400, 'option_invalid', 'The poll has no such option.');
      if (poll.has(userId))
        throw new PublicError(409, 'voted_already', 'You have voted in this poll already.');
      if (poll.closing) throw pollClosed();
      this.#writer.assertAccepting();
      poll.vote(userId, option); // counted before it is stored, so that a second vote is rejected meanwhile
      this.#scheduleBroadcast(room);
      try {
        await this.#writer.add({ pollId: poll.stored.id, userId, option });
      } catch (error) {
        poll.withdraw(userId);
        throw error;
      }
      return poll.public();
    });
  }

  /**
   * Closes a poll before its end; for moderators.
   * @throws PublicError 404 `poll_not_found`, 409 `poll_closed`, and those of `Moderation`
   */
  async close(visitor: Visitor, streamId: string, pollId: string): Promise<PublicPoll> {
    const { rooms, roles } = this.#options;
    return await rooms.withRoom(streamId, visitor.principal, async (context) => {
      roles.requireModerator(visitor, context);
      const poll = await this.#findOpenPoll(context.room, pollId);
      return await this.#close(context.room, poll, { visitor, context });
    });
  }

  /** Returns polls, newest first. */
  async list(visitor: Visitor, streamId: string, limit: number): Promise<PublicPoll[]> {
    return await this.#options.rooms.withRoom(streamId, visitor.principal, async ({ room }) => {
      const polls = await this.#table.list(room.streamId, limit);
      return polls.map((poll) =>
        room.poll?.stored.id === poll.id ? room.poll.public() : publicPoll(poll, poll.votes ?? []),
      );
    });
  }

  /** Writes accepted votes. Open polls stay open for the next start. Idempotent. */
  async shutDown(): Promise<void> {
    this.#lifetime.abort();
    for (const throttle of this.#broadcasts.values()) throttle.cancel();
    await this.#writer.close();
  }

  async #findOpenPoll(room: ChatRoom, id: string): Promise<Poll> {
    const pollId = parseUuid(id);
    const { poll } = room;
    if (poll && poll.stored.id === pollId && !poll.closing) return poll;
    const known = (await this.#table.list(room.streamId, 100)).some((past) => past.id === pollId);
    if (known) throw pollClosed();
    throw new PublicError(404, 'poll_not_found', 'There is no such poll.');
  }

  #scheduleClose(room: ChatRoom, poll: Poll): void {
    const { clock, log } = this.#options;
    const waitMs = Math.max(0, poll.stored.closesAt.getTime() - clock.now());
    const close = (): void => {
      if (room.poll !== poll || poll.closing) return;
      this.#close(room, poll).catch((error: unknown) => {
        log.warn({ err: error, streamId: room.streamId }, 'poll close failed: retrying');
        clock.after(CLOSE_RETRY_MS, close, this.#lifetime.signal);
      });
    };
    clock.after(waitMs, close, this.#lifetime.signal);
  }

  #close(room: ChatRoom, poll: Poll, by?: { visitor: Visitor; context: ChatContext }): Promise<PublicPoll> {
    poll.closing ??= this.#countVotes(room, poll, by).catch((error: unknown) => {
      poll.closing = undefined;
      throw error;
    });
    return poll.closing;
  }

  async #countVotes(
    room: ChatRoom,
    poll: Poll,
    by?: { visitor: Visitor; context: ChatContext },
  ): Promise<PublicPoll> {
    const { sql, moderation, clock } = this.#options;
    const { stored } = poll;
    await this.#writer.settled();
    const closedAt = new Date(clock.now());
    const logged = {
      action: 'poll-closed',
      details: { pollId: stored.id, question: stored.question },
    } as const;
    const votes = by
      ? await moderation.runLogged(by.visitor, by.context, logged, (queries) =>
          this.#table.close(queries, stored, closedAt),
        )
      : await sql.begin((queries) => this.#table.close(queries, stored, closedAt));
    room.poll = undefined;
    return this.#broadcast(room, publicPoll({ ...stored, closedAt }, votes as number[]));
  }

  #scheduleBroadcast(room: ChatRoom): void {
    const { streamId } = room;
    const throttle =
      this.#broadcasts.get(streamId) ??
      new Throttle(this.#options.clock, BROADCAST_INTERVAL_MS, () => {
        this.#broadcasts.delete(streamId);
        if (room.poll && !room.poll.closing) this.#broadcast(room, room.poll.public(), true);
      });
    this.#broadcasts.set(streamId, throttle);
    throttle.schedule();
  }

  #broadcast(room: ChatRoom, poll: PublicPoll, droppable = false): PublicPoll {
    const { streamId } = room;
    this.#options.hub.broadcast(room.hubRoom, 'chat:poll', { streamId, poll }, { droppable });
    return poll;
  }
}

function readPoll({ question, options, seconds = DURATION_S.usual }: PollRequest) {
  const texts = options.map(normaliseMessage);
  if (texts.length < OPTION_COUNT.least || texts.length > OPTION_COUNT.most)
    throw invalid(`A poll has ${OPTION_COUNT.least} to ${OPTION_COUNT.most} options.`);
  if (new Set(texts).size < texts.length) throw invalid('Two options of the poll are the same.');
  if (!Number.isInteger(seconds) || seconds < DURATION_S.least || seconds > DURATION_S.most)
    throw invalid(`A poll runs for ${DURATION_S.least} to ${DURATION_S.most} seconds.`);
  return { question: normaliseMessage(question), options: texts, seconds };
}

function pollClosed(): PublicError {
  return new PublicError(409, 'poll_closed', 'The poll is closed.');
}

function invalid(message: string): PublicError {
  return new PublicError(400, 'poll_invalid', message);
}
