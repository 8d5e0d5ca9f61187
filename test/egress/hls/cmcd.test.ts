import t from 'tap';
import { CmcdReader, type CmcdSample, cmcdArgument, parseCmcd } from '../../../src/egress/hls/cmcd.js';
import { FakeClock } from '../../support/fakes/fake-clock.js';

const PLACE = { streamId: 'stream-1', broadcastId: 'broadcast-1' };

t.test('keys are read from headers and from the query argument', async (t) => {
  const samples: CmcdSample[] = [];
  const reader = new CmcdReader({ clock: new FakeClock(), record: (sample) => samples.push(sample) });
  reader.read(PLACE, {}, undefined);
  t.same(samples, []);
  reader.read(
    PLACE,
    {
      'cmcd-request': 'bl=2100,mtp=25400,su',
      'cmcd-object': 'br=3200,d=4004,ot=v',
      'cmcd-session': 'cid="a,bs",sid="6e2fb550",sf=h',
      'cmcd-status': 'bs,rtp=15000',
    },
    undefined,
  );
  reader.read(PLACE, {}, cmcdArgument('/hls/a?v=1&CMCD=bl%3D0%2Csid%3D%226e2fb550%22%2Cbs%3Dfalse&x'));
  t.match(samples, [
    { ...PLACE, bufferMs: 2_100, throughputKbps: 25_400, isStarved: true, isUrgent: true },
    { ...PLACE, bufferMs: 0, throughputKbps: undefined, isStarved: false, isUrgent: false },
  ]);
  t.type(samples[0]?.session, 'number');
  t.equal(samples[0]?.session, samples[1]?.session, 'the same session');
});

t.test('text that is no client data, too long or out of bounds is left out', async (t) => {
  t.equal(parseCmcd([undefined, ['bs'], '', '=,,=', 'x'.repeat(3_000)]), undefined);
  t.match(parseCmcd(['bl=-1,mtp=1e9,sid=""', 'bl=(1 2)', `sid="${'s'.repeat(65)}"`]), {
    ...{ bufferMs: undefined, throughputKbps: undefined, session: undefined },
  });
  t.match(parseCmcd(['bl=9999999999,mtp=9999999999']), { bufferMs: 600_000, throughputKbps: 10_000_000 });
  t.equal(cmcdArgument('/hls/a?CMCD=%E0%A4%A'), undefined);
  t.equal(cmcdArgument('/hls/a'), undefined);
});

t.test('at most 500 requests a second are read', async (t) => {
  const clock = new FakeClock();
  let read = 0;
  const reader = new CmcdReader({ clock, record: () => void read++ });
  for (let request = 0; request < 2_000; request++) reader.read(PLACE, {}, 'bs');
  t.equal(read, 500);
  await clock.advance(1_000);
  reader.read(PLACE, {}, 'bs');
  t.equal(read, 501);
});
