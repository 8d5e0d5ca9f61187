import t from 'tap';
import { bearerKey } from '../../../src/ingest/whip/bearer-key.js';

t.test('the key of an Authorization header is found with one scheme, none or two', async (t) => {
  const key = 'live_a-key.1234567890==';
  for (const header of [key, `Bearer ${key}`, `bearer   ${key} `, `Bearer Bearer ${key}`, ` ${key} `])
    t.equal(bearerKey(header), key, header);
  for (const header of [
    undefined,
    '',
    'Bearer',
    'Bearer ',
    'Bearer Bearer',
    'Basic a2V5OmtleQ==',
    `Bearer ${key} x`,
    'Bearer "key"',
    'Bearer k\u00e9y',
  ])
    t.equal(bearerKey(header), undefined, String(header));
});
