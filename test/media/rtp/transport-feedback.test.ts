import t from 'tap';
import { TransportFeedback } from '../../../src/media/index.js';
import { seededRandom } from '../../support/media/seeded-random.js';

type Arrival = { sequence: number; time: number | undefined };

/** Parses feedback as a sender does (draft-holmer-rmcat-transport-wide-cc-extensions-01 section 3.1). */
function readFeedback(packet: Buffer): Arrival[] {
  const base = packet.readUInt16BE(12);
  const count = packet.readUInt16BE(14);
  let time = packet.readUIntBE(16, 3) * 64_000;
  const symbols: number[] = [];
  let at = 20;
  while (symbols.length < count) {
    const chunk = packet.readUInt16BE(at);
    at += 2;
    if (chunk >> 14 !== 3) throw new Error('only vectors of two bits are expected');
    for (let i = 12; i >= 0; i -= 2) symbols.push((chunk >> i) & 3);
  }
  const arrivals: Arrival[] = [];
  for (let i = 0; i < count; i++) {
    const sequence = (base + i) & 0xffff;
    if (symbols[i] === 0) {
      arrivals.push({ sequence, time: undefined });
      continue;
    }
    const delta = symbols[i] === 1 ? packet[at]! : packet.readInt16BE(at);
    at += symbols[i] === 1 ? 1 : 2;
    time += delta * 250;
    arrivals.push({ sequence, time });
  }
  const padding = packet[0]! & 0x20 ? packet[packet.length - 1]! : 0;
  if (at !== packet.length - padding) throw new Error('the packet has another length than its statuses');
  if (packet.length !== (packet.readUInt16BE(2) + 1) * 4) throw new Error('the length field is wrong');
  return arrivals;
}

function drain(feedback: TransportFeedback): Arrival[] {
  const arrivals: Arrival[] = [];
  for (let packet = feedback.write(1, 2); packet; packet = feedback.write(1, 2)) {
    if (packet.length > 1200) throw new Error('the packet is too long');
    arrivals.push(...readFeedback(packet));
  }
  return arrivals;
}

t.test('feedback reports arrivals and losses across the sequence wrap', async (t) => {
  const feedback = new TransportFeedback();
  t.equal(feedback.write(1, 2), undefined);
  const arrivals: [number, number][] = [
    [65_534, 1_000_000],
    [65_535, 1_000_250],
    [1, 1_100_000],
    [0, 1_100_500],
    [5, 1_099_000],
  ];
  for (const [sequence, time] of arrivals) feedback.received(sequence, time);
  t.same(drain(feedback), [
    { sequence: 65_534, time: 1_000_000 },
    { sequence: 65_535, time: 1_000_250 },
    { sequence: 0, time: 1_100_500 },
    { sequence: 1, time: 1_100_000 },
    { sequence: 2, time: undefined },
    { sequence: 3, time: undefined },
    { sequence: 4, time: undefined },
    { sequence: 5, time: 1_099_000 },
  ]);
  t.equal(feedback.write(1, 2), undefined, 'once');
  feedback.received(8, 1_200_000);
  feedback.received(3, 1_200_100);
  t.match(drain(feedback)[0], { sequence: 3, time: 1_200_000 }, 'a late arrival is reported');
});

t.test('feedback packets are numbered consecutively', async (t) => {
  const feedback = new TransportFeedback();
  feedback.received(1, 1000);
  t.equal(feedback.write(1, 2)![19], 0);
  feedback.received(2, 2000);
  t.equal(feedback.write(1, 2)![19], 1);
});

t.test('arrivals too far apart for a delta are split into several feedback packets', async (t) => {
  const feedback = new TransportFeedback();
  feedback.received(1, 0);
  feedback.received(2, 60_000_000);
  t.same(drain(feedback), [
    { sequence: 1, time: 0 },
    { sequence: 2, time: 60_000_000 },
  ]);
});

t.test('feedback for arrivals in any order terminates and is well formed (seeded)', async (t) => {
  const random = seededRandom(7);
  for (let round = 0; round < 200; round++) {
    const feedback = new TransportFeedback();
    let time = 0;
    let sequence = Math.floor(random() * 65_536);
    for (let i = 0; i < 60; i++) {
      const kind = random();
      sequence += kind < 0.8 ? 1 : Math.floor((random() - 0.5) * (kind < 0.95 ? 50 : 70_000));
      time += random() * (random() < 0.02 ? 20_000_000 : 5000);
      feedback.received(sequence & 0xffff, time);
      if (random() < 0.1) drain(feedback);
    }
    drain(feedback);
  }
  t.pass();
});
