import t, { type Test } from 'tap';
import { type Av1Unit, Av1Units, readPictureSize, startsKeyframe } from '../../../src/media/index.js';
import {
  av1Payloads,
  encodeAv1,
  type Obu,
  obuBytes,
  type Packing,
  temporalUnits,
} from '../../support/media/rtp/av1-rtp.js';
import { seededRandom } from '../../support/media/seeded-random.js';

/** ffmpeg's test source, with a keyframe every ten frames. */
const GROUP = 10;
const TICKS = 3000;

const video: Promise<Obu[][]> = encodeAv1(t).then(temporalUnits);

type Packet = { payload: Buffer; timestamp: number; marker: boolean };

async function packets(packing: Packing): Promise<Packet[]> {
  return (await video).flatMap((unit, index) => {
    const payloads = av1Payloads(unit, packing);
    return payloads.map((payload, i) => ({
      payload,
      timestamp: index * TICKS,
      marker: i === payloads.length - 1,
    }));
  });
}

/** Returns the units of the packets; undefined packets are lost. */
function received(from: readonly (Packet | undefined)[]): Av1Unit[] {
  const found: Av1Unit[] = [];
  const units = new Av1Units((unit) => found.push(unit));
  for (const packet of from) {
    if (packet) units.push(packet.payload, 0, packet.payload.length, packet.timestamp, packet.marker);
    else units.lost();
  }
  return found;
}

function whole(unit: Obu[] | undefined): string {
  return Buffer.concat((unit ?? []).map((obu) => obuBytes(obu, true))).toString('hex');
}

/** Checks that every unit equals the encoder's, and that keyframes are marked. */
async function areWhole(t: Test, found: Av1Unit[]): Promise<number[]> {
  const units = await video;
  return found.map(({ data, timestamp, keyframe, sequenceHeader }) => {
    const index = timestamp / TICKS;
    if (data.toString('hex') !== whole(units[index])) t.fail(`unit ${index} is incomplete`);
    if (keyframe !== (index % GROUP === 0)) t.fail(`unit ${index}: keyframe ${keyframe}`);
    const header = units[index]?.find(({ type }) => type === 1);
    const expected = header && obuBytes(header, true).toString('hex');
    if (sequenceHeader?.toString('hex') !== expected) t.fail(`unit ${index}: its sequence header`);
    return index;
  });
}

const PACKINGS: Packing[] = [
  { mtu: 1200, counted: true },
  { mtu: 1200 },
  { mtu: 60, counted: true },
  { mtu: 60, sized: true },
  { mtu: 5, counted: true, sized: true },
  { mtu: 5, delimiter: true },
  { mtu: 100_000, counted: true, sized: true, delimiter: true },
];

t.test('temporal units come out as encoded, for every packetisation', async (t) => {
  const all = (await video).map((_, index) => index);
  for (const packing of PACKINGS) {
    const sent = await packets(packing);
    t.strictSame(await areWhole(t, received(sent)), all, JSON.stringify(packing));
    // The marker bit is optional.
    const unmarked = sent.map((packet) => ({ ...packet, marker: false }));
    t.strictSame(await areWhole(t, received(unmarked)), all.slice(0, -1), 'the next frame ends the unit');
  }
});

t.test('after a loss no unit comes out before the next keyframe, and none is incomplete', async (t) => {
  const sent = await packets({ mtu: 300, counted: true });
  const unitCount = (await video).length;
  for (let lost = 0; lost < sent.length; lost++) {
    const found = await areWhole(t, received(sent.with(lost, undefined as never)));
    const from = (sent[lost]?.timestamp ?? 0) / TICKS;
    const until = (Math.floor(from / GROUP) + 1) * GROUP;
    const expected = Array.from({ length: unitCount }, (_, i) => i).filter((i) => i < from || i >= until);
    if (found.join() !== expected.join()) t.fail(`packet ${lost} lost: ${found.join()}`);
  }
  t.ok(sent.length > unitCount, `${sent.length} packets were lost one by one`);
});

t.test('an invalid packet counts as lost', async (t) => {
  const sent = await packets({ mtu: 300, counted: true });
  const at = sent.findIndex(({ timestamp }) => timestamp === 3 * TICKS);
  const broken: [fault: string, payload: string][] = [
    ['no payload after the header', '10'],
    ['an element without end', '00' + '05' + '3200'],
    ['an empty element', '00' + '00' + '3200'],
    ['a length without end', '00ffffffffffffffffff'],
    ['a length above every bound', '00' + 'ffffffff7f' + '3200'],
    ['fewer elements than announced', '30' + '02' + '3200' + '02' + '3200'],
    ['the forbidden bit', '10' + 'b200'],
    ['a size beyond the element', '10' + '32' + '05' + '0000'],
    ['an extension beyond the element', '10' + '34'],
    ['a continuation without a start', '90' + '3200'],
    ['an element that continues after the unit', '50' + '3200'],
  ];
  for (const [fault, hex] of broken) {
    const payload = Buffer.from(hex, 'hex');
    const malformed = sent.toSpliced(at, 0, { payload, timestamp: 3 * TICKS, marker: false });
    const found = await areWhole(t, received(malformed));
    t.notOk(found.includes(3) || found.includes(9), fault);
    t.ok(found.includes(2) && found.includes(10), 'other units are unaffected');
  }
});

t.test('temporal delimiters, tile lists and padding are dropped', async (t) => {
  const unit = (await video)[0] ?? [];
  const extra = [2, 8, 15].map((type) => ({ type, header: Buffer.of(type << 3), payload: Buffer.from([1]) }));
  const [payload = Buffer.alloc(0)] = av1Payloads([...extra, ...unit, ...extra], { mtu: 1e5 });
  const [found] = received([{ payload, timestamp: 0, marker: true }]);
  t.equal(found?.data.toString('hex'), whole(unit));
});

t.test('a temporal unit above the size limit is dropped', async (t) => {
  const [first, ...rest] = av1Payloads((await video)[0] ?? [], { mtu: 300 });
  const found: Av1Unit[] = [];
  const units = new Av1Units((unit) => found.push(unit));
  units.push(first ?? Buffer.alloc(0), 0, first?.length ?? 0, 0, false);
  const more = Buffer.concat([Buffer.of(0xd0), Buffer.alloc(1 << 20)]);
  for (let i = 0; i < 6; i++) units.push(more, 0, more.length, 0, false);
  for (const packet of rest) units.push(packet, 0, packet.length, 0, packet === rest.at(-1));
  t.strictSame(found, []);
  t.ok(units.waiting);
});

t.test('the first packet of an AV1 keyframe yields keyframe and size', async (t) => {
  for (const packing of PACKINGS.filter(({ mtu }) => mtu > 20)) {
    const sent = await packets(packing);
    const starts = sent.filter(({ payload }) => startsKeyframe('av1', payload, 0, payload.length));
    t.strictSame(
      starts.map(({ timestamp }) => timestamp / TICKS),
      [0, 10, 20, 30],
    );
    for (const { payload } of starts)
      t.strictSame(readPictureSize('av1', payload, 0, payload.length), { width: 320, height: 180 });
  }
});

t.test('random packets never make Av1Units throw, hang or emit an invalid unit (seeded)', async (t) => {
  const random = seededRandom(20_261_123);
  const below = (limit: number): number => Math.floor(random() * limit);
  const seeds = (await Promise.all(PACKINGS.slice(0, 4).map(packets))).map((sent) => sent.slice(0, 60));
  let taken = 0;
  const units = new Av1Units(({ data }) => {
    taken++;
    // Checks that a parser reaches the end of every unit.
    let at = 0;
    while (at < data.length) {
      const headerBytes = (data[at] ?? 0) & 4 ? 2 : 1;
      let size = 0;
      let next = at + headerBytes;
      for (let shift = 0, more = true; more; shift += 7, next++) {
        size += ((data[next] ?? 0) & 127) * 2 ** shift;
        more = (data[next] ?? 0) >= 128;
      }
      if (((data[at] ?? 0) & 0x82) !== 2) throw new Error('an OBU without a size');
      at = next + size;
    }
    if (at !== data.length) throw new Error('an OBU reaches beyond its unit');
  });
  for (let round = 0; round < 300; round++) {
    for (const packet of seeds[round % seeds.length] ?? []) {
      if (below(200) === 0) units.lost();
      const payload =
        below(100) === 0
          ? Buffer.from(Array.from({ length: below(60) }, () => below(256)))
          : Buffer.from(packet.payload);
      if (below(40) === 0 && payload.length > 0) payload[below(Math.min(payload.length, 8))] = below(256);
      const end = below(60) === 0 ? below(payload.length + 1) : payload.length;
      units.push(payload, 0, end, packet.timestamp, packet.marker);
      startsKeyframe('av1', payload, 0, end);
      readPictureSize('av1', payload, 0, end);
    }
  }
  t.ok(taken > 500, `${taken} units`);
});
