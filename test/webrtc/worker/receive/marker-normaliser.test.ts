import t from 'tap';
import { Layer } from '../../../../src/webrtc/worker/receive/layer.js';
import { MarkerNormaliser } from '../../../../src/webrtc/worker/receive/marker-normaliser.js';
import { FakeClock } from '../../../support/fakes/fake-clock.js';

type Written = [sequence: number, marker: boolean];

function fixture() {
  const clock = new FakeClock();
  const layer = new Layer({ kind: 'video', rid: '', codec: 'vp8', clock, requestKeyframe() {} });
  const written: Written[] = [];
  // Readers get a burst over some milliseconds.
  const writePacket = layer.writePacket.bind(layer);
  layer.writePacket = (...packet) => {
    const [, sequence, , marker] = packet;
    written.push([sequence, marker]);
    writePacket(...packet);
  };
  const normaliser = new MarkerNormaliser(layer);
  /** Writes packet `sequence` of frames of three packets. */
  const write = (sequence: number, marker: boolean): void => {
    const packet = Buffer.alloc(20);
    normaliser.writePacket(packet, sequence, Math.floor(sequence / 3) * 3_000, marker, -1, clock.monotonic());
  };
  return { clock, normaliser, written, write };
}

const isLast = (sequence: number): boolean => sequence % 3 === 2;

t.test('correct marker bits pass at once', async (t) => {
  const { written, write } = fixture();
  for (let sequence = 0; sequence < 300; sequence++) {
    write(sequence, isLast(sequence));
    t.strictSame(written.at(-1), [sequence, isLast(sequence)]);
  }
});

t.test('marker bits of losses and reordering do not count as wrong', async (t) => {
  const { written, write } = fixture();
  for (let sequence = 0; sequence < 3_000; sequence += 3) {
    write(sequence, false);
    if (sequence % 2 === 0) write(sequence + 2, true);
    write(sequence + 1, false);
  }
  t.strictSame(written.at(-1), [2_998, false]);
});

for (const marker of [true, false])
  t.test(
    `a marker bit in ${marker ? 'every packet' : 'no packet'} is derived from the timestamps`,
    async (t) => {
      const { written, write, normaliser, clock } = fixture();
      for (let sequence = 0; sequence < 300; sequence++) if (sequence !== 200) write(sequence, marker);
      write(200, marker);
      t.strictSame(written.at(-1), [200, true], 'a late packet');
      const late = written.slice(60, -1);
      t.strictSame(
        late,
        // Packet 200 ends the frame of the one before it, but had not come.
        late.map(([sequence]) => [sequence, isLast(sequence) || sequence === 199]),
      );
      t.equal(
        written.some(([sequence]) => sequence === 299),
        false,
        'the last packet waits',
      );
      await clock.advance(150);
      normaliser.flush(clock.monotonic());
      t.strictSame(written.at(-1), [299, true]);
    },
  );
