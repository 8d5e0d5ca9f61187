import type { MessageData, RealtimeClient, RealtimeFeature } from '../realtime/index.js';
import type { Attendance } from './chat-membership.js';
import { optionalTextIn, optionalWholeIn, textIn, textsIn, wholeIn } from './event-data.js';
import type { History } from './messages/history.js';
import type { Posting } from './messages/posting.js';
import type { Reactions } from './messages/reactions.js';
import type { Polls } from './polls/polls.js';

const PAGE = 50;
const PAGE_MAXIMUM = 100;

export type FeatureOptions = {
  attendance: Attendance;
  history: History;
  posting: Posting;
  reactions: Reactions;
  polls: Polls;
};

/** Chat as it is spoken over the socket. */
export function chatFeature(options: FeatureOptions): RealtimeFeature {
  const { attendance, history, posting, reactions, polls } = options;
  const on =
    (
      handle: (
        client: RealtimeClient,
        streamId: string,
        data: MessageData,
      ) => Promise<MessageData | undefined>,
    ) =>
    async (client: RealtimeClient, data: MessageData) => {
      const answer = await handle(client, textIn(data, 'streamId'), data);
      return answer && { data: answer };
    };
  return {
    name: 'chat',
    events: {
      'chat:join': on((client, streamId, data) =>
        attendance.join(client, streamId, optionalTextIn(data, 'after')),
      ),
      'chat:leave': on(async (client, streamId) => {
        attendance.leave(client, streamId);
        return undefined;
      }),
      'chat:history': on(async (client, streamId, data) => {
        const limit = Math.min(Math.max(optionalWholeIn(data, 'limit') ?? PAGE, 1), PAGE_MAXIMUM);
        const [before, after] = [optionalTextIn(data, 'before'), optionalTextIn(data, 'after')];
        const messages = await history.page(client, streamId, { limit, before, after });
        return { streamId, messages, more: messages.length === limit };
      }),
      'chat:send': on(async (client, streamId, data) => {
        const mediaTime =
          typeof data.mediaTime === 'number' ? data.mediaTime : optionalTextIn(data, 'mediaTime');
        const { messageId } = await posting.post(client, streamId, {
          message: textIn(data, 'message'),
          clientId: optionalTextIn(data, 'clientId'),
          mediaTime,
        });
        return { messageId };
      }),
      'chat:react': on(async (client, streamId, data) => {
        await reactions.react(client, streamId, textIn(data, 'reaction'));
        return undefined;
      }),
      'chat:poll:create': on(async (client, streamId, data) => {
        const poll = await polls.create(client, streamId, {
          question: textIn(data, 'question'),
          options: textsIn(data, 'options'),
          seconds: optionalWholeIn(data, 'seconds'),
        });
        return { poll };
      }),
      'chat:poll:vote': on(async (client, streamId, data) => {
        const poll = await polls.vote(client, streamId, textIn(data, 'pollId'), wholeIn(data, 'option'));
        return { poll };
      }),
      'chat:poll:close': on(async (client, streamId, data) => {
        return { poll: await polls.close(client, streamId, textIn(data, 'pollId')) };
      }),
    },
    left: (client) => attendance.left(client),
  };
}
