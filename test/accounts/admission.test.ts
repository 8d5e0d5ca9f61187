import { pino } from 'pino';
import t from 'tap';
import { createAdmission, hashStreamKey, mintStreamKey } from '../../src/accounts/index.js';
import type { Admit } from '../../src/streams/index.js';
import { FakeClock } from '../support/fake-clock.js';

type Found = { streamId: string; ended: boolean } | undefined;

function door(find: (hash: string) => Promise<Found>): { admit: Admit; clock: FakeClock; logged: string[] } {
  const clock = new FakeClock();
  const logged: string[] = [];
  const log = pino({ base: null }, { write: (line: string) => void logged.push(line) });
  return { admit: createAdmission({ findStreamByKeyHash: find, clock, log }), clock, logged };
}

const request = (streamKey: string, address = '192.0.2.1') => ({
  protocol: 'rtmp' as const,
  streamKey,
  address,
});

t.test('the right key is admitted to its stream, also when pasted with a blank', async (t) => {
  const key = mintStreamKey();
  const { admit } = door(async (hash) =>
    hash === hashStreamKey(key) ? { streamId: 'stream 1', ended: false } : undefined,
  );
  t.same(await admit(request(key)), { admitted: true, streamId: 'stream 1' });
  t.same(await admit(request(` ${key} `)), { admitted: true, streamId: 'stream 1' });
});

t.test('a key of a stream that is over is told so, and does not count as a guess', async (t) => {
  const { admit } = door(async () => ({ streamId: 'stream 1', ended: true }));
  for (let i = 0; i < 50; i++)
    t.match(await admit(request(mintStreamKey())), {
      admitted: false,
      refusal: { code: 'livestream_ended' },
    });
});

t.test('what is no key is refused without asking the database', async (t) => {
  let asked = 0;
  const { admit } = door(async () => {
    asked++;
    return undefined;
  });
  for (const text of ['', 'stream', `live_${'1'.repeat(32)}`, 'x'.repeat(100_000), "' or 1=1 --"])
    t.match(await admit(request(text)), {
      refusal: { code: 'stream_key_unknown', message: /copy it again/ },
    });
  t.equal(asked, 0);
});

t.test('after ten wrong keys an address waits, whatever it shows, and nothing is asked for it', async (t) => {
  const key = mintStreamKey();
  let asked = 0;
  const { admit, clock } = door(async (hash) => {
    asked++;
    return hash === hashStreamKey(key) ? { streamId: 'stream 1', ended: false } : undefined;
  });
  for (let i = 0; i < 10; i++)
    t.match(await admit(request(mintStreamKey())), { refusal: { code: 'stream_key_unknown' } });
  for (let i = 0; i < 20; i++)
    t.match(await admit(request(i % 2 ? key : mintStreamKey())), {
      refusal: { code: 'stream_key_throttled' },
    });
  t.equal(asked, 10);
  t.match(await admit(request(key, '192.0.2.2')), { admitted: true }, 'others are not concerned');
  await clock.advance(6_000);
  t.match(await admit(request(key)), { admitted: true });
});

t.test('addresses of one IPv6 network count together', async (t) => {
  const { admit } = door(async () => undefined);
  for (let i = 0; i < 10; i++) await admit(request('wrong', `2001:db8::${i}`));
  t.match(await admit(request('wrong', '2001:db8::ffff')), { refusal: { code: 'stream_key_throttled' } });
  t.match(await admit(request('wrong', '2001:db8:0:1::1')), { refusal: { code: 'stream_key_unknown' } });
});

t.test(
  'while the database is away publishers hear a sentence, and are not held to have guessed',
  async (t) => {
    const key = mintStreamKey();
    const { admit, logged } = door(async () => {
      throw new Error('connection refused');
    });
    for (let i = 0; i < 20; i++)
      t.match(await admit(request(key)), {
        refusal: { code: 'temporarily_unavailable', message: /try again/ },
      });
    t.match(logged[0], /connection refused/);
    t.notMatch(logged.join(), key);
  },
);
