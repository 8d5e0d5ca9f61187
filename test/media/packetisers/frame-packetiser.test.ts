import { readFileSync } from 'node:fs';
import path from 'node:path';
import t, { type Test } from 'tap';
import {
  type Av1Unit,
  Av1Units,
  FramePacketiser,
  isKeyFrame,
  RtpHeader,
  readVp8Descriptor,
  readVp9Descriptor,
  startsKeyframe,
} from '../../../src/media/index.js';
import { run } from '../../support/media/encoder.js';
import { encodeAv1, obuBytes, temporalUnits } from '../../support/media/rtp/av1-rtp.js';
import { ivfFrames } from '../../support/media/rtp/vpx-rtp.js';

const ENCODERS = { vp8: 'libvpx', vp9: 'libvpx-vp9', av1: 'libaom-av1' } as const;

async function encode(t: Test, codec: keyof typeof ENCODERS): Promise<Buffer[]> {
  const file = path.join(t.testdir(), 'media.ivf');
  await run('ffmpeg', [
    ...['-v', 'error', '-f', 'lavfi', '-i', 'testsrc2=size=640x360:rate=30', '-frames:v', '5'],
    ...['-c:v', ENCODERS[codec], '-cpu-used', '8', '-lag-in-frames', '0', '-b:v', '2M', '-f', 'ivf', file],
  ]);
  return ivfFrames(readFileSync(file));
}

/** Splits framed packets (RFC 4571). */
function packetsOf(framed: Buffer | undefined): { header: RtpHeader; packet: Buffer }[] {
  const packets: { header: RtpHeader; packet: Buffer }[] = [];
  for (let at = 0; framed && at < framed.length; ) {
    const end = at + 2 + framed.readUInt16BE(at);
    const packet = framed.subarray(at + 2, end);
    const header = new RtpHeader();
    t.ok(header.read(packet));
    packets.push({ header, packet });
    at = end;
  }
  return packets;
}

for (const codec of ['vp8', 'vp9'] as const)
  t.test(`${codec} frames are split into packets that hold them whole`, async (t) => {
    const packetiser = new FramePacketiser({ codec, ssrc: 5, payloadType: 96, sequence: 0xffff });
    const read = codec === 'vp8' ? readVp8Descriptor : readVp9Descriptor;
    let count = 0;
    for (const [index, data] of (await encode(t, codec)).entries()) {
      const packets = packetsOf(packetiser.packetise({ data, offset: 0, timestamp: index * 3_000 }));
      t.equal(isKeyFrame(codec, data, 0), index === 0);
      const parts = packets.map(({ header, packet }, part) => {
        t.match(header, {
          ssrc: 5,
          payloadType: 96,
          timestamp: index * 3_000,
          sequence: (0xffff + count++) & 0xffff,
        });
        t.equal(header.marker, part === packets.length - 1);
        t.ok(packet.length <= 1_200);
        const starts = startsKeyframe(codec, packet, header.payloadOffset, packet.length);
        t.equal(starts, index === 0 && part === 0);
        const payload = read(packet, header.payloadOffset, packet.length);
        t.equal(payload?.startsFrame, part === 0);
        return packet.subarray(payload?.frameOffset);
      });
      t.ok(Buffer.concat(parts).equals(data));
    }
    t.equal(packetiser.packets, count);
  });

t.test('temporal units of AV1 are sent without delimiters and sizes, and reassembled', async (t) => {
  const packetiser = new FramePacketiser({ codec: 'av1', ssrc: 5, payloadType: 96 });
  const found: Av1Unit[] = [];
  const units = new Av1Units((unit) => found.push(unit));
  const encoded = temporalUnits(await encodeAv1(t, { width: 640, height: 360, frameCount: 12 }));
  const delimiter = Buffer.of(0x12, 0);
  for (const [index, unit] of encoded.entries()) {
    const data = Buffer.concat([delimiter, ...unit.map((obu) => obuBytes(obu, true))]);
    t.equal(isKeyFrame('av1', data, 0), index % 10 === 0);
    for (const { header, packet } of packetsOf(
      packetiser.packetise({ data, offset: 0, timestamp: index * 3_000 }),
    )) {
      t.ok(packet.length <= 1_200);
      units.push(packet, header.payloadOffset, packet.length, header.timestamp, header.marker);
    }
  }
  t.equal(found.length, encoded.length);
  for (const [index, { data, keyframe }] of found.entries()) {
    t.equal(keyframe, index % 10 === 0);
    t.ok(data.equals(Buffer.concat(encoded[index]!.map((obu) => obuBytes(obu, true)))));
  }
});

t.test('frames that cannot be read give no packets', async (t) => {
  for (const codec of ['vp8', 'vp9', 'av1'] as const) {
    const packetiser = new FramePacketiser({ codec, ssrc: 5, payloadType: 96 });
    t.equal(packetiser.packetise({ data: Buffer.alloc(0), offset: 0, timestamp: 0 }), undefined);
  }
  const packetiser = new FramePacketiser({ codec: 'av1', ssrc: 5, payloadType: 96 });
  t.equal(packetiser.packetise({ data: Buffer.of(0x80, 1, 2), offset: 0, timestamp: 0 }), undefined);
});
