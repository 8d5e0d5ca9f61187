import t from 'tap';
import { KnownViewers } from '../../../../src/egress/hls/delivery/known-viewers.js';
import { FakeClock } from '../../../support/fakes/fake-clock.js';

t.test('a viewer is reported once for each time in which it was seen', async (t) => {
  const viewers = new KnownViewers({ clock: new FakeClock(), maximumViewers: 10 });
  t.notOk(viewers.see('stream', 'token', 'hls'), 'the gateway must accept it first');
  viewers.add('stream', 'token');
  t.strictSame(viewers.takeSeen(), [], 'the gateway has counted that request itself');
  t.ok(viewers.see('stream', 'token', 'hls'));
  t.ok(viewers.see('stream', 'token', 'll-hls'));
  t.ok(viewers.see('stream', 'token', 'hls'));
  t.strictSame(viewers.takeSeen(), [['stream', 'token', 'll-hls']]);
  t.strictSame(viewers.takeSeen(), []);
  viewers.see('stream', 'token', 'hls');
  t.strictSame(viewers.takeSeen(), [['stream', 'token', 'hls']]);
  t.notOk(viewers.see('another', 'token', 'hls'), 'a token is of one livestream');
  viewers.see('stream', 'token', 'hls');
  viewers.forget('token');
  t.strictSame(viewers.takeSeen(), []);
  t.notOk(viewers.see('stream', 'token', 'hls'));
});

t.test('viewers are limited, and forgotten a minute after their last request', async (t) => {
  const clock = new FakeClock();
  const viewers = new KnownViewers({ clock, maximumViewers: 2 });
  viewers.add('stream', 'a');
  viewers.add('stream', 'b');
  viewers.see('stream', 'a', 'hls');
  viewers.add('stream', 'c');
  t.equal(viewers.size, 2);
  t.notOk(viewers.see('stream', 'b', 'hls'), 'the one seen longest ago made room');
  await clock.advance(40_000);
  viewers.see('stream', 'a', 'hls');
  await clock.advance(30_000);
  viewers.takeSeen();
  t.equal(viewers.size, 1);
  t.ok(viewers.see('stream', 'a', 'hls'));
});
