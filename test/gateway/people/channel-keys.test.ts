import { createHmac } from 'node:crypto';
import t, { type Test } from 'tap';
import { signInPage } from '../../support/clients/page-session.js';
import { type ReceivedHook, webhookReceiver } from '../../support/fakes/webhook-receiver.js';
import { OPERATOR_TOKEN, startGatewayProcess } from '../../support/gateway/gateway-process.js';
import { type Encoder, publish, testMedia } from '../../support/media/encoder.js';
import { until } from '../../support/until.js';

const gateway = await startGatewayProcess(t);
const berta = await signInPage(gateway, 'Berta', 'broadcaster');
const source = await testMedia(120);

type MintedKey = { streamKey: string; key: { id: string; status: string } };
type Stream = { id: string; title: string; status: string; state: { name: string } };

async function createKey(path: string, body: object): Promise<MintedKey> {
  const { status, body: answer } = await berta.request('POST', path, body);
  if (status !== 201) throw new Error(`${path}: ${status} ${JSON.stringify(answer)}`);
  return answer as MintedKey;
}

async function streams(): Promise<Stream[]> {
  return (await berta.request('GET', `/api/livestream/user/${berta.userId}`)).body.streams as Stream[];
}

async function outcomes({ key }: MintedKey): Promise<string[]> {
  const { body } = await berta.request('GET', `/api/channel/keys/${key.id}/uses`);
  return (body.uses as { outcome: string }[]).map(({ outcome }) => outcome);
}

function publishWith(t: Test, { streamKey }: MintedKey): Encoder {
  return publish(t, source, `rtmp://127.0.0.1:${gateway.rtmpPort}/live/${streamKey}`);
}

/** Verifies a signature by the procedure for receivers of https://www.standardwebhooks.com. */
function isSigned(secret: string, { headers, body }: ReceivedHook): boolean {
  const key = Buffer.from(secret.replace('whsec_', ''), 'base64');
  const signed = `${headers['webhook-id']}.${headers['webhook-timestamp']}.${body}`;
  return headers['webhook-signature'] === `v1,${createHmac('sha256', key).update(signed).digest('base64')}`;
}

t.test(
  'a channel key starts and resumes broadcasts, is replaced by another key, and can be revoked',
  async (t) => {
    const receiver = await webhookReceiver(t);
    const made = await fetch(`${gateway.http}/api/webhooks`, {
      method: 'POST',
      headers: { authorization: `Bearer ${OPERATOR_TOKEN}`, 'content-type': 'application/json' },
      body: JSON.stringify({ url: receiver.url, events: ['broadcast.live', 'broadcast.ended'] }),
    });
    t.equal(made.status, 201);
    const { secret } = (await made.json()) as { secret: string };
    const hooks = (): { type: string; data: Record<string, unknown> }[] =>
      receiver.received.map(({ body }) => JSON.parse(body));

    await berta.request('PATCH', '/api/channel', { defaultTitle: 'Rivers, live' });
    const first = await createKey('/api/channel/key', {});
    const encoder = publishWith(t, first);
    const stream = await until('a livestream is created and live', async () =>
      (await streams()).find(({ status }) => status === 'live'),
    );
    t.match(stream, { title: 'Rivers, live', state: { name: 'live' } });
    const { id: streamId } = stream;

    await encoder.stop('SIGKILL');
    await until(
      'the broadcast waits for its publisher',
      async () => (await gateway.state(streamId)) === 'reconnecting',
    );
    const again = publishWith(t, first);
    await gateway.untilLive({ streamId });
    t.equal((await streams()).length, 1, 'the same livestream continues');

    const second = await createKey('/api/channel/key', { overlapSeconds: 600 });
    await again.stop();
    await until(
      'the publisher has disconnected',
      async () => (await gateway.state(streamId)) === 'reconnecting',
    );
    const withOld = publishWith(t, first);
    await gateway.untilLive({ streamId });
    const withNew = publishWith(t, second);
    t.match(await withOld.ended, { errors: /Another encoder took over/ });
    t.equal((await streams()).length, 1, 'with the old key, then with the new one');

    const scoped = await createKey('/api/channel/keys', { label: 'A browser', protocols: ['whip'] });
    t.match(await publishWith(t, scoped).ended, { errors: /may not be used with this protocol/ });
    const third = await createKey('/api/channel/key', { overlapSeconds: 0 });
    t.match(
      await publishWith(t, second).ended,
      { errors: /has expired/ },
      'without an overlap the old key is invalid',
    );
    t.equal(await gateway.state(streamId), 'live', 'the publisher with the old key continues');
    t.strictSame(await outcomes(first), ['admitted', 'admitted', 'admitted']);
    t.strictSame(await outcomes(second), ['stream_key_expired', 'admitted']);
    t.strictSame(await outcomes(scoped), ['stream_key_protocol']);
    t.strictSame(await outcomes(third), []);

    t.strictSame(await berta.request('DELETE', `/api/channel/keys/${second.key.id}`), {
      status: 200,
      body: { success: true },
    });
    t.match(await withNew.ended, { errors: /The stream key was revoked/ });
    await until('the stream has ended', async () => (await streams())[0]?.status === 'ended');
    t.equal(await gateway.state(streamId), 'offline');
    t.match(await publishWith(t, second).ended, { errors: /This stream key was revoked/ });
    t.notMatch(gateway.output, second.streamKey, 'no key is logged');

    await until('the receiver gets the end', () => hooks().some(({ type }) => type === 'broadcast.ended'));
    const [{ data: { broadcastId } = {} } = {}] = hooks();
    const live = (resumed: boolean) => ({ type: 'broadcast.live', data: { streamId, broadcastId, resumed } });
    t.match(hooks(), [
      live(false),
      live(true),
      live(true),
      { type: 'broadcast.ended', data: { streamId, broadcastId, reason: 'key-revoked' } },
    ]);
    t.equal(receiver.received.length, 4);
    t.equal(new Set(receiver.received.map(({ headers }) => headers['webhook-id'])).size, 4);
    for (const hook of receiver.received) t.ok(isSigned(secret, hook), `${hook.body} is signed`);
  },
);
