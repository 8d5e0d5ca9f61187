/**
 * A gateway's chat under load, until it is killed:
 *
 *     chat-writer DATABASE_URL DATA_DIR STREAM_ID ROUND AFTER RESEND
 *
 * Somebody listens, who saw everything up to the message AFTER; what they are shown is printed as `shown ID CLIENT_ID`.
 * Twenty others write without a pause, beginning with the messages that RESEND names (joined by commas); what is
 * acknowledged is printed as `acked ID CLIENT_ID`.
 */
import { createChat } from '../../src/chat/index.js';
import { createLog, openDatabase, systemClock } from '../../src/platform/index.js';
import { Streams } from '../../src/streams/index.js';
import { account, visitor } from './chat-stage.js';
import { HubDouble } from './realtime-double.js';

const WRITERS = 20;

const [url = '', dataDir = '', streamId = '', round = '', after = '', resend = ''] = process.argv.slice(2);
const print = (what: string, id: unknown, clientId: unknown): void => {
  process.stdout.write(`${what} ${id} ${clientId}\n`);
};
const log = createLog('silent');
const { sql } = await openDatabase({ url, dataDir }, log);
const admit = async () => ({ admitted: true, streamId }) as const;
const hub = new HubDouble();
const chat = createChat({
  sql,
  hub,
  streams: new Streams({ sql, admit, graceMs: 60_000, maxBroadcasts: 1, clock: systemClock, log }),
  isFollowing: async () => false,
  isAdminAccount: async () => false,
  clock: systemClock,
  log,
  addressSecret: Buffer.from('a secret of the test'),
  limits: { account: { capacity: 1e6, refillMs: 1 }, address: { capacity: 1e6, refillMs: 1 } },
});
await chat.start();

const listener = hub.client(account('listener'));
listener.tell = (event, data) => {
  const messages = event === 'chat:history' ? data.messages : event === 'chat:message' ? [data] : [];
  for (const { id, clientId } of messages as { id: string; clientId: string }[]) print('shown', id, clientId);
  if (event === 'chat:deleted') for (const id of data.ids as string[]) print('deleted', id, '-');
};
// As a client does: until nothing is missing.
for (let last = after; ; ) {
  const data = { streamId, ...(last === '' ? {} : { after: last }) };
  const told: string[] = [];
  const tell = listener.tell;
  listener.tell = (event, told_) => {
    tell(event, told_);
    if (event === 'chat:history') told.push(...(told_.messages as { id: string }[]).map(({ id }) => id));
  };
  const answer = await chat.feature.events['chat:join']?.(listener, data);
  listener.tell = tell;
  if (answer?.data?.more !== true) break;
  last = told.at(-1) ?? last;
}

const waiting = resend.split(',').filter(Boolean);
let count = 0;
const write = async (writer: number): Promise<never> => {
  for (;;) {
    const clientId = waiting.shift() ?? `${writer}-${round}-${count++}`;
    const author = visitor(`writer${clientId.split('-')[0]}`);
    const { messageId } = await chat.posting.post(author, streamId, { message: clientId, clientId });
    print('acked', messageId, clientId);
  }
};
await Promise.all(Array.from({ length: WRITERS }, (_, writer) => write(writer)));
