import t from 'tap';
import { announcedParameterSets, H264PacketNormaliser } from '../../../src/media/index.js';
import { encodeH264Loop, fuA, isIdr, stapA } from '../../support/media/rtp/h264-rtp.js';

const HEADER = Buffer.alloc(12);
const { sets, pictures } = await encodeH264Loop();
const [sps = Buffer.of(), pps = Buffer.of()] = sets;
const idr = pictures.find(isIdr)![0]!;
const slice = pictures.find((units) => !isIdr(units))![0]!;
const packet = (payload: Buffer): Buffer => Buffer.concat([HEADER, payload]);

/** Passes the payloads of one picture after the other. @returns the payloads that come out */
function normalise(normaliser: H264PacketNormaliser, ...timeline: Buffer[][]): Buffer[] {
  return timeline.flatMap((payloads, timestamp) =>
    payloads.flatMap((payload) => {
      const before = packet(payload);
      const after = normaliser.normalise(before, timestamp) ?? [before];
      return after.map((one) => one.subarray(HEADER.length));
    }),
  );
}

t.test('a picture with its parameter sets passes unchanged, in every form', async (t) => {
  for (const picture of [[sps, pps, idr], [stapA(sps, pps), idr, idr], [stapA(sps, pps, idr)], [slice]])
    t.strictSame(normalise(new H264PacketNormaliser(), picture, picture), [...picture, ...picture]);
});

t.test('announced parameter sets are inserted before the first slice of each IDR picture', async (t) => {
  const announced = announcedParameterSets(
    `a=1; sprop-parameter-sets=${sets.map((set) => set.toString('base64')).join()};b=2`,
  );
  t.strictSame(announced, sets);
  const fragments = fuA(idr, 100);
  t.strictSame(normalise(new H264PacketNormaliser(announced), [idr, idr], [slice], fragments), [
    stapA(sps, pps),
    idr,
    idr,
    slice,
    stapA(sps, pps),
    ...fragments,
  ]);
});

t.test(
  'parameter sets of one picture are inserted before later ones, also those of which half is sent',
  async (t) => {
    t.strictSame(normalise(new H264PacketNormaliser(), [sps, pps, idr], [idr], [pps, idr]), [
      sps,
      pps,
      idr,
      stapA(sps, pps),
      idr,
      pps,
      stapA(sps, pps),
      idr,
    ]);
  },
);

t.test('fragments of a parameter set come out as one unit, and incomplete ones not at all', async (t) => {
  const normaliser = new H264PacketNormaliser();
  t.strictSame(normalise(normaliser, [...fuA(sps, 5), pps, idr]), [sps, pps, idr]);
  t.strictSame(normalise(new H264PacketNormaliser(), [...fuA(sps, 5).slice(1), pps, idr]), [pps, idr]);
  t.strictSame(normalise(new H264PacketNormaliser(), fuA(Buffer.alloc(70_000, sps), 900)), []);
});

t.test('malformed payloads pass unchanged', async (t) => {
  const normaliser = new H264PacketNormaliser(sets);
  for (const payload of [[], [24], [24, 0], [24, 255, 255, 5], [24, 0, 0, 0], [28], [5], [7], [124, 0x85]])
    t.doesNotThrow(() => normalise(normaliser, [Buffer.from(payload)]));
  t.strictSame(normalise(normaliser, [Buffer.from([24, 255, 255, 5])]), [Buffer.from([24, 255, 255, 5])]);
});
