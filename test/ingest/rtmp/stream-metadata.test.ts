import amf from 'node-media-server/src/protocol/amf.js';
import t from 'tap';
import { encoderName, readStreamMetadata } from '../../../src/ingest/rtmp/stream-metadata.js';

const announced = (dataObj: Record<string, unknown>): Buffer =>
  amf.encodeAmf0Data({ cmd: 'onMetaData', dataObj });

t.test('metadata is parsed, and its body passed on without @setDataFrame', async (t) => {
  const body = announced({ width: 1280, height: 720, framerate: 29.97, encoder: 'obs-output module (30.2)' });
  const wrapped = Buffer.concat([amf.amf0EncodeOne('@setDataFrame'), body]);
  const expected = { width: 1280, height: 720, frameRate: 29.97, encoder: 'obs-output module (30.2)', body };
  t.same(readStreamMetadata(wrapped), expected);
  t.same(readStreamMetadata(body), expected);
});

t.test('implausible values are left out', async (t) => {
  const body = announced({ width: -5, height: 720, framerate: 1e9, encoder: '\u0007\u0001' });
  t.same(readStreamMetadata(body), { body });
  for (const framerate of [0, 0.05, -30, 300.1, Number.NaN, Infinity, '', 'x', null, true])
    t.equal(readStreamMetadata(announced({ framerate }))?.frameRate, undefined, `${framerate} fps`);
  for (const [width, height] of [
    [0, 720],
    [15, 720],
    [Number.NaN, 720],
    [Infinity, Infinity],
    [16_385, 16],
    [16_384, 16_384],
  ])
    t.same(
      Object.keys(readStreamMetadata(announced({ width, height })) ?? {}),
      ['body'],
      `${width}x${height}`,
    );
  t.match(readStreamMetadata(announced({ width: 640.4, height: '360' })), { width: 640, height: 360 });
  t.equal(readStreamMetadata(announced({ width: true, height: 'x', fps: 25 }))?.frameRate, 25);
});

t.test('other and truncated messages yield no metadata', async (t) => {
  const body = announced({ width: 1280, height: 720 });
  t.equal(readStreamMetadata(amf.encodeAmf0Data({ cmd: 'onFI', info: {} })), undefined);
  t.equal(readStreamMetadata(Buffer.alloc(0)), undefined);
  t.equal(readStreamMetadata(body.subarray(0, 25)), undefined);
  t.equal(
    readStreamMetadata(Buffer.concat([amf.amf0EncodeOne('onMetaData'), Buffer.from([0x0d])])),
    undefined,
  );
  t.equal(readStreamMetadata(Buffer.concat([amf.amf0EncodeOne('onMetaData'), Buffer.from([5])])), undefined);
});

t.test('an encoder name is reduced to printable ASCII', async (t) => {
  t.equal(encoderName('  FMLE/3.0\u0000 (x)\n'), 'FMLE/3.0 (x)');
  t.equal(encoderName('x'.repeat(500))?.length, 100);
  t.equal(encoderName(' '), undefined);
  t.equal(encoderName(7), undefined);
});
