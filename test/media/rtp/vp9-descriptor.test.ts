import t from 'tap';
import { readVp9Descriptor, writePlainVp9 } from '../../../src/media/index.js';

const FRAME = 'a1b2c3';

/** Fields of a descriptor, and the bytes after its rewrite. */
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

t.test('a VP9 descriptor of every form is read, and rewritten without layers', async (t) => {
  const forms: [descriptor: string, is: string, plain: string][] = [
    ['0c', 'BE0', '0c'],
    ['08', 'B0', '08'],
    ['00', '0', '00'],
    ['8c' + '05', 'BE0', '0c'],
    ['8c' + '8005', 'BE0', '0c'],
    // Flexible mode, as Chrome sends it: one reference, three references.
    ['dd' + '8005' + '02', 'BEP0', '0c'],
    ['d9' + '8005' + '030506', 'BP0', '08'],
    // A key picture in flexible mode has no reference.
    ['98' + '8005', 'B0', '08'],
    // Layers: with TL0PICIDX, and without it in flexible mode.
    ['ec' + '8005' + '2400', 'BEP2', '0c'],
    ['fc' + '8005' + '22' + '02', 'BEP1', '0c'],
    // Scalability structure: sizes of two layers; a picture group of two with one and two references.
    ['8e' + '05' + '30' + '014000b4' + '02800168', 'BE0', '0c'],
    ['8a' + '05' + '08' + '02' + '0401' + '080102', 'B0', '08'],
    ['0e' + '00', 'BE0', '0c'],
  ];
  for (const [descriptor, is, plain] of forms)
    t.strictSame(read(descriptor), { plain: plain + FRAME, is }, descriptor);
});

t.test('a VP9 descriptor that exceeds its packet yields undefined', async (t) => {
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
