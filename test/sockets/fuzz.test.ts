import t from 'tap';
import { startSocketsFixture } from '../support/fixtures/sockets-fixture.js';
import { seededRandom } from '../support/media/seeded-random.js';
import { eventually } from '../support/until.js';

const SEED = 20_261_123;
const PIECES = [
  ...'{}[]":,0179eE-.\\ \u0000ö😀'.match(/./gsu)!,
  '"event"',
  '"data"',
  '"id"',
  '"enter"',
  '"echo"',
  '"auth"',
  '"token"',
  '"room"',
  'null',
  'true',
  '1e999',
  '"__proto__"',
  '42',
  '40',
  '51-',
  '\x1e',
  '/admin,',
];

t.test('random text is answered or ends its connection, and the server continues', async (t) => {
  const random = seededRandom(SEED);
  const pick = (limit: number): number => Math.floor(random() * limit);
  const noise = (): string => Array.from({ length: pick(30) }, () => PIECES[pick(PIECES.length)]).join('');
  const almost = (): string => {
    const value = (): unknown =>
      [null, 7, '', 'room', [], {}, { a: { b: [1] } }, 'x'.repeat(pick(300)), true][pick(9)];
    const event = ['enter', 'leave', 'echo', 'who', 'auth', 'toString', value()][pick(7)];
    const message = JSON.stringify({
      event,
      data: { room: value(), token: value(), a: value() },
      id: value(),
    });
    const at = pick(message.length);
    return random() < 0.5 ? message : message.slice(0, at) + noise() + message.slice(at + pick(5));
  };
  const { app, client, hub, clock, port, logLines } = await startSocketsFixture(t);
  let ended = 0;
  for (let round = 0; round < 25; round++) {
    const socket = client();
    for (let count = 0; count < 50 && !socket.closed; count++)
      if (random() < 0.1) socket.sendBinary(Buffer.from(noise()));
      else socket.sendText(random() < 0.3 ? noise() : almost());
    socket.send('who', {}, 'last');
    await eventually(() => socket.closed || socket.received.some(({ id }) => id === 'last'));
    if (socket.closed) ended++;
    socket.destroy();
  }
  t.ok(ended > 0 && ended < 25, `${ended} of 25 were disconnected`);

  const base = `http://127.0.0.1:${port}/socket.io/?EIO=4&transport=polling`;
  for (let round = 0; round < 25; round++) {
    const { sid } = JSON.parse((await (await fetch(base)).text()).slice(1)) as { sid: string };
    for (let count = 0; count < 10; count++) {
      const body = random() < 0.2 ? '40' : `${random() < 0.7 ? '42' : ''}["${'echo'}",${almost()}]${noise()}`;
      const sent = await fetch(`${base}&sid=${sid}`, { method: 'POST', body }).catch(() => undefined);
      if (!sent?.ok) break;
    }
  }
  await clock.advance(60_000);
  await eventually(() => hub.size('room') === 0);
  const fine = client();
  fine.send('who', {}, 1);
  t.match(await fine.next('ok'), { data: { principal: { kind: 'anonymous' } } });
  const closed = app.close();
  await clock.advance(5_000);
  await closed;
  t.notMatch(logLines.join(''), '"level":50', 'no internal error');
});
