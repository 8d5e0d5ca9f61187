import type { MessageData, SocketClient, SocketFeature } from '../sockets/index.js';
import type { ChatMembership } from './chat-membership.js';
import {
  optionalInteger,
  optionalString,
  requireInteger,
  requireString,
  requireStringList,
} from './event-data.js';
import type { History } from './messages/history.js';
import type { Posting } from './messages/posting.js';
import type { Reactions } from './messages/reactions.js';
import type { Polls } from './polls/polls.js';

const PAGE = 50;
const PAGE_MAXIMUM = 100;

export type FeatureOptions = {
  membership: ChatMembership;
  history: History;
  posting: Posting;
  reactions: Reactions;
  polls: Polls;
};

/** Maps the `chat:*` socket events to the chat's services. */
export function chatFeature(options: FeatureOptions): SocketFeature {
  const { membership, history, posting, reactions, polls } = options;
  const on =
    (
      handle: (client: SocketClient, streamId: string, data: MessageData) => Promise<MessageData | undefined>,
    ) =>
    async (client: SocketClient, data: MessageData) => {
      const answer = await handle(client, requireString(data, 'streamId'), data);
      return answer && { data: answer };
    };
  return {
    name: 'chat',
    events: {
      'chat:join': on((client, streamId, data) =>
        membership.join(client, streamId, optionalString(data, 'after')),
      ),
      'chat:leave': on(async (client, streamId) => {
        membership.leave(client, streamId);
        return undefined;
      }),
      'chat:history': on(async (client, streamId, data) => {
        const limit = Math.min(Math.max(optionalInteger(data, 'limit') ?? PAGE, 1), PAGE_MAXIMUM);
        const [before, after] = [optionalString(data, 'before'), optionalString(data, 'after')];
        const messages = await history.page(client, streamId, { limit, before, after });
        return { streamId, messages, more: messages.length === limit };
      }),
      'chat:send': on(async (client, streamId, data) => {
        const mediaTime =
          typeof data.mediaTime === 'number' ? data.mediaTime : optionalString(data, 'mediaTime');
        const { messageId } = await posting.post(client, streamId, {
          message: requireString(data, 'message'),
          clientId: optionalString(data, 'clientId'),
          mediaTime,
        });
        return { messageId };
      }),
      'chat:react': on(async (client, streamId, data) => {
        await reactions.react(client, streamId, requireString(data, 'reaction'));
        return undefined;
      }),
      'chat:poll:create': on(async (client, streamId, data) => {
        const poll = await polls.create(client, streamId, {
          question: requireString(data, 'question'),
          options: requireStringList(data, 'options'),
          seconds: optionalInteger(data, 'seconds'),
        });
        return { poll };
      }),
      'chat:poll:vote': on(async (client, streamId, data) => {
        const poll = await polls.vote(
          client,
          streamId,
          requireString(data, 'pollId'),
          requireInteger(data, 'option'),
        );
        return { poll };
      }),
      'chat:poll:close': on(async (client, streamId, data) => {
        return { poll: await polls.close(client, streamId, requireString(data, 'pollId')) };
      }),
    },
    clientDisconnected: (client) => membership.disconnected(client),
  };
}
