import t from 'tap';
import { playerSourceOf } from '../../../src/web/element/player-source.js';

const ID = '0198c0de-0000-7000-8000-00000000000a';
const BASE = 'https://site.example/page/';

t.test('the address of a page, or of its player, names its media and their server', async (t) => {
  const origin = 'https://live.example:8443';
  t.same(playerSourceOf(`${origin}/watch/${ID.toUpperCase()}`, BASE), { kind: 'livestream', id: ID, origin });
  t.same(playerSourceOf(`${origin}/sub/embed/clips/${ID}/?muted#x`, BASE), { kind: 'clip', id: ID, origin });
  t.same(playerSourceOf(`/recordings/${ID}`, BASE), {
    ...{ kind: 'recording', id: ID, origin: 'https://site.example' },
  });
  t.match(playerSourceOf(`/videos/${ID}`, BASE), { kind: 'video' });
  t.match(playerSourceOf(`/embed/${ID}`, BASE), { kind: 'livestream' });
});

t.test('other addresses name nothing', async (t) => {
  for (const address of [
    '',
    'https://',
    `javascript:/watch/${ID}`,
    '/watch/x',
    `/studio/${ID}`,
    `/watch/${ID}/x`,
  ])
    t.equal(playerSourceOf(address, BASE), undefined, address);
});
