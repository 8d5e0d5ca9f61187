import t from 'tap';
import { readVp9Descriptor, writePlainVp9 } from '../../../src/media/index.js';

const FRAME = 'a1b2c3';

/** What a descriptor says, and what is left when it is made plain. */
function read(descriptor: string): object | undefined {
  const packet = Buffer.from(`ffff${descriptor}${FRAME}`, 'hex');
  const payload = readVp9Descriptor(packet, 2, packet.length);
  if (!payload) return undefined;
  const { startsFrame, endsFrame, interPredicted, spatialLayer } = payload;
  const plain = Buffer.alloc(packet.length);
  const end = writePlainVp9(plain, 0, payload, packet);
  return {
    plain: plain.subarray(0, end).toString('hex'),
    is: `${startsFrame ? 'B' : ''}${endsFrame ? 'E' : ''}${interPredicted ? 'P' : ''}${spatialLayer}`,
  };
}

t.test('a descriptor of VP9 is read in all its forms, and made plain', async (t) => {
  const forms: [descriptor: string, is: string, plain: string][] = [
    ['0c', 'BE0', '0c'],
    ['08', 'B0', '08'],
    ['00', '0', '00'],
    ['8c' + '05', 'BE0', '0c'],
    ['8c' + '8005', 'BE0', '0c'],
    // Flexible mode, as Chrome sends it: one reference, three of them.
    ['dd' + '8005' + '02', 'BEP0', '0c'],
    ['d9' + '8005' + '030506', 'BP0', '08'],
    // A key picture in the flexible mode has none.
    ['98' + '8005', 'B0', '08'],
    // Layers: with TL0PICIDX, and without it in the flexible mode.
    ['ec' + '8005' + '2400', 'BEP2', '0c'],
    ['fc' + '8005' + '22' + '02', 'BEP1', '0c'],
    // A scalability structure: sizes of two layers; a group of two pictures with one and two references.
    ['8e' + '05' + '30' + '014000b4' + '02800168', 'BE0', '0c'],
    ['8a' + '05' + '08' + '02' + '0401' + '080102', 'B0', '08'],
    ['0e' + '00', 'BE0', '0c'],
  ];
  for (const [descriptor, is, plain] of forms)
    t.strictSame(read(descriptor), { plain: plain + FRAME, is }, descriptor);
});

t.test('a descriptor that reaches beyond its packet is none', async (t) => {
  const descriptors = [
    '8c',
    '8c80',
    'ec8005',
    'dd8005',
    'd9800503',
    '8e05',
    '8e0530014000',
    '8a0508',
    '8a050801',
    '8a05080108',
  ];
  for (const hex of [...descriptors, '', '0c']) {
    const packet = Buffer.from(hex, 'hex');
    t.equal(readVp9Descriptor(packet, 0, packet.length), undefined, hex);
  }
  t.equal(read('d9' + '03030303'), undefined, 'four references');
});
