import t from 'tap';
import { generateWebhookSecret, isWebhookSecret, signatureHeaders } from '../../src/webhooks/index.js';

t.test('a signature equals that of the Standard Webhooks reference library', async (t) => {
  const message = {
    id: 'msg_p5jXN8AQM9LWM0D4loKWxJek',
    timestamp: 1_614_265_330,
    body: '{"test": 2432232314}',
  };
  t.same(signatureHeaders('whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', message), {
    'webhook-id': message.id,
    'webhook-timestamp': '1614265330',
    'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
  });
});

t.test('a secret is valid with its prefix and 24 to 64 bytes in base64', async (t) => {
  const secret = generateWebhookSecret();
  t.ok(isWebhookSecret(secret));
  t.not(secret, generateWebhookSecret());
  const of = (bytes: number) => `whsec_${Buffer.alloc(bytes, 7).toString('base64')}`;
  for (const good of [of(24), of(64)]) t.ok(isWebhookSecret(good), good);
  for (const bad of [of(23), of(65), 'whsec_', '', secret.slice(6), `${secret}!`, 'whsec_?'.padEnd(50, 'a')])
    t.notOk(isWebhookSecret(bad), bad);
});
