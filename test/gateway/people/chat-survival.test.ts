import { SignJWT } from 'jose';
import t, { type Test } from 'tap';
import {
  type ChatConnection,
  type ChatConnectionEvents,
  type ChatCredentials,
  connectBySocketIo,
  connectByWebSocket,
} from '../../support/clients/chat-connection.js';
import { ChatParticipant, FIRST_CURSOR } from '../../support/clients/chat-participant.js';
import { type GatewayProcess, startGatewayProcess } from '../../support/gateway/gateway-process.js';
import { until } from '../../support/until.js';

const KILLS = 10;
const PARTICIPANTS = 16;
/** Token issuer of the platform whose users chat. */
const PLATFORM = {
  secret: 'the secret that the host platform signs with',
  issuer: 'platform',
  audience: 'headend',
};

type Connect = (caller: ChatCredentials, events: ChatConnectionEvents) => ChatConnection;

async function tokenOf(userId: string): Promise<string> {
  return await new SignJWT({ name: userId.toUpperCase() })
    .setProtectedHeader({ alg: 'HS256' })
    .setSubject(userId)
    .setIssuer(PLATFORM.issuer)
    .setAudience(PLATFORM.audience)
    .setExpirationTime('1h')
    .sign(new TextEncoder().encode(PLATFORM.secret));
}

/** Participants on every kind of connection; every other one watches as well. */
async function participants(t: Test, gateway: GatewayProcess, streamId: string): Promise<ChatParticipant[]> {
  const connects: Connect[] = [
    (caller, events) => connectByWebSocket(t, caller, events),
    ...[['websocket'], ['polling', 'websocket'], ['polling']].map(
      (transports): Connect =>
        (caller, events) =>
          connectBySocketIo(t, caller, transports, events),
    ),
  ];
  return await Promise.all(
    Array.from({ length: PARTICIPANTS }, async (_, index) => {
      const name = `p${index}`;
      const caller = {
        port: Number(new URL(gateway.http).port),
        token: await tokenOf(name),
        address: `10.0.0.${index + 1}`,
      };
      const watches = index >= PARTICIPANTS / 2;
      const connect = (events: ChatConnectionEvents): ChatConnection =>
        (connects[index % connects.length] as Connect)(caller, events);
      return new ChatParticipant({ name, streamId, watches, connect });
    }),
  );
}

type Message = { id: string; clientId: string };

/** Reads all stored messages, page by page. */
async function stored(gateway: GatewayProcess, streamId: string): Promise<Message[]> {
  const all: Message[] = [];
  for (;;) {
    const url = `/${streamId}/chat?limit=100&after=${all.at(-1)?.id ?? FIRST_CURSOR}`;
    const { messages } = await gateway.api<{ messages: Message[] }>('GET', url);
    if (messages.length === 0) return all;
    all.push(...messages);
  }
}

t.test(
  'a gateway killed ten times under chat load loses no acknowledged message and repeats none',
  async (t) => {
    const gateway = await startGatewayProcess(t, {
      TRUST_PROXY: 'true',
      AUTH_JWT_SECRET: PLATFORM.secret,
      AUTH_JWT_ISSUER: PLATFORM.issuer,
      AUTH_JWT_AUDIENCE: PLATFORM.audience,
    });
    const { streamId } = await gateway.createLivestream();
    const all = await participants(t, gateway, streamId);
    const acknowledged = (): number => all.reduce((sum, { acknowledged }) => sum + acknowledged.size, 0);
    for (const each of all) each.join();

    const [away] = all;
    for (let kill = 0; kill < KILLS; kill++) {
      const wanted = acknowledged() + 30 + 7 * kill; // varies the moment within a batch and a history replay
      await until(`${wanted} messages are acknowledged`, () => acknowledged() >= wanted);
      await gateway.kill('SIGKILL');
      if (kill === 0) away?.leave();
      await gateway.start();
    }
    away?.join();

    for (const each of all) each.stopSending();
    await until('every participant is reconnected and has no unacknowledged message', () =>
      all.every(({ isSettled, problems }) => isSettled || problems.length > 0),
    );
    const messages = await stored(gateway, streamId);
    const ids = messages.map(({ id }) => id);
    const names = new Map(messages.map(({ id, clientId }) => [clientId, id]));
    t.equal(names.size, messages.length, 'no message is stored twice');
    // A message resent long after it was stored is shown for a moment, until `chat:deleted` arrives.
    const shown = (each: ChatParticipant): boolean => each.shownIds().join() === ids.join();
    await until('every participant shows the stored messages', () => all.every(shown)).catch((error) =>
      t.comment(String(error)),
    );
    for (const each of all) {
      t.strictSame(each.problems, []);
      t.ok(each.acknowledged.size > 0);
      for (const [name, id] of each.acknowledged) if (names.get(name) !== id) t.fail(`${name} is lost`);
      t.strictSame(each.shownIds(), ids, 'every participant got every message once and in order');
    }
    t.ok(acknowledged() >= 30 * KILLS, `${acknowledged()} acknowledged, ${messages.length} stored`);
  },
);
