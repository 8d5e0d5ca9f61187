import t from 'tap';
import { parseLinkHeader } from '../../../src/web/webrtc/link-header.js';

t.test('several links in one header are parsed, with commas and quotes inside them', async (t) => {
  const links = parseLinkHeader(
    '<stun:stun.example.net>; rel="ice-server", ' +
      '<turn:turn.example.net?transport=udp>;rel="ice-server";username="a, \\"b\\"; c";credential=secret;credential-type="password",' +
      '</sse?x=1,2>; Rel=urn:ietf:params:whep:ext:core:server-sent-events; events="active,inactive"',
  );
  t.same(links, [
    { target: 'stun:stun.example.net', rel: 'ice-server', parameters: { rel: 'ice-server' } },
    {
      target: 'turn:turn.example.net?transport=udp',
      rel: 'ice-server',
      parameters: {
        rel: 'ice-server',
        username: 'a, "b"; c',
        credential: 'secret',
        'credential-type': 'password',
      },
    },
    {
      target: '/sse?x=1,2',
      rel: 'urn:ietf:params:whep:ext:core:server-sent-events',
      parameters: {
        rel: 'urn:ietf:params:whep:ext:core:server-sent-events',
        events: 'active,inactive',
      },
    },
  ]);
});

t.test('parsing stops at the first malformed link, and a missing header has none', async (t) => {
  t.same(parseLinkHeader(null), []);
  t.same(parseLinkHeader(''), []);
  t.same(parseLinkHeader('nonsense, <a>; rel=b'), []);
  t.same(
    parseLinkHeader('<a>; rel=b; crossorigin, garbage, <c>').map(({ target }) => target),
    ['a'],
  );
  t.equal(parseLinkHeader('<a>; rel=one; rel=two')[0]?.rel, 'one', 'the first of two rel parameters');
});

t.test('malicious headers of 20,000 repetitions are parsed in linear time', async (t) => {
  const started = performance.now();
  for (const piece of ['<a>;', '<a>; x="\\', ' ;', '<a>, ', '<', '\t', '<a>; a=b'])
    parseLinkHeader(`<a>${piece.repeat(20_000)}`);
  t.ok(performance.now() - started < 2_000);
});
