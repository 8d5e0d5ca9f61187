import { spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import t, { type Test } from 'tap';
import {
  FramedPacketReader,
  HevcPacketiser,
  isHevcKeyframe,
  MAXIMUM_RTP_PACKET_BYTES,
  readPictureSize,
  startsKeyframe,
} from '../../../src/media/index.js';
import { run } from '../../support/media/encoder.js';
import { parseRtp, type RtpPacket } from '../../support/media/rtp/rtp-receiver.js';
import { seededRandom } from '../../support/media/seeded-random.js';

const STREAM = { ssrc: 0x1234, payloadType: 96 };
const NAL = { trailR: 1, idr: 19, cra: 21, vps: 32, sps: 33, pps: 34, delimiter: 35, sei: 39 };
/** Payload of the largest packet that holds a unit as it is. */
const LARGEST = MAXIMUM_RTP_PACKET_BYTES - 12;
/** Pictures that ffmpeg decodes, and that are sent: its parser holds the last one until another comes. */
const DECODED = 45;
const SENT = DECODED + 3;
const DELIMITER = Buffer.from([0, 0, 0, 1, 0x46, 1]);

/** NAL unit of a type and temporal id. */
function nal(type: number, bytes: number, temporalId = 1): Buffer {
  const unit = Buffer.alloc(bytes, type * 3 + 1);
  unit.writeUInt16BE((type << 9) | temporalId);
  return unit;
}

function accessUnit(units: readonly Buffer[]): Buffer {
  return Buffer.concat(
    units.flatMap((unit) => {
      const length = Buffer.alloc(4);
      length.writeUInt32BE(unit.length);
      return [length, unit];
    }),
  );
}

function split(bytes: Buffer | undefined): RtpPacket[] {
  const packets: RtpPacket[] = [];
  new FramedPacketReader((packet) => packets.push(parseRtp(packet))).read(bytes ?? Buffer.alloc(0));
  return packets;
}

const typeOf = (bytes: Buffer): number => (bytes[0]! >> 1) & 0x3f;

/** Puts the NAL units of packets together (RFC 7798 section 4.4). */
function unitsOf(packets: readonly RtpPacket[]): Buffer[] {
  const units: Buffer[] = [];
  for (const { payload } of packets) {
    const type = typeOf(payload);
    if (type === 48)
      for (let at = 2; at < payload.length; ) {
        const end = at + 2 + payload.readUInt16BE(at);
        units.push(payload.subarray(at + 2, end));
        at = end;
      }
    else if (type === 49) {
      const header = payload[2]!;
      if (header & 0x80) {
        const head = (payload.readUInt16BE(0) & ~0x7e00) | ((header & 0x3f) << 9);
        units.push(Buffer.from([head >> 8, head & 0xff]));
      }
      units.push(Buffer.concat([units.pop()!, payload.subarray(3)]));
    } else units.push(payload);
  }
  return units;
}

const SETS = [nal(NAL.vps, 24), nal(NAL.sps, 40), nal(NAL.pps, 8)];
const SLICE = nal(NAL.trailR, 500);
const IDR = nal(NAL.idr, 500);

for (const { name, units, sent, types, sets = SETS } of [
  { name: 'a slice is a packet', units: [SLICE], sent: [SLICE], types: [1] },
  { name: 'an IDR picture follows its parameter sets', units: [IDR], sent: [...SETS, IDR], types: [48] },
  { name: 'so does a CRA picture', units: [nal(NAL.cra, 9)], sent: [...SETS, nal(NAL.cra, 9)], types: [48] },
  {
    name: 'delimiters and SEI are left out, and parameter sets in band are not repeated',
    units: [nal(NAL.delimiter, 3), ...SETS, nal(NAL.sei, 20), IDR],
    sent: [...SETS, IDR],
    types: [48],
  },
  { name: 'without configuration it is sent as it is', units: [IDR], sets: [], sent: [IDR], types: [19] },
  {
    name: 'the largest single unit is one packet',
    units: [nal(1, LARGEST)],
    sent: [nal(1, LARGEST)],
    types: [1],
  },
  {
    name: 'a larger unit is fragmented',
    units: [nal(1, LARGEST + 1, 3), SLICE, SLICE],
    sent: [nal(1, LARGEST + 1, 3), SLICE, SLICE],
    types: [49, 49, 48],
  },
  {
    name: 'units that fill a packet exactly share it',
    units: [nal(1, 591), nal(1, 591)],
    sent: [nal(1, 591), nal(1, 591)],
    types: [48],
  },
  {
    name: 'units that exceed a packet by a byte do not',
    units: [nal(1, 592), nal(1, 591)],
    sent: [nal(1, 592), nal(1, 591)],
    types: [1, 1],
  },
])
  t.test(`HEVC packets: ${name}`, async (t) => {
    const packetiser = new HevcPacketiser({ ...STREAM, sequence: 0xffff });
    packetiser.configure(sets);
    const packets = split(packetiser.packetise({ data: accessUnit(units), offset: 0, timestamp: 9_000 }));
    t.strictSame(
      packets.map(({ payload }) => typeOf(payload)),
      types,
    );
    t.strictSame(unitsOf(packets), sent);
    for (const [index, { sequence, marker, payload }] of packets.entries()) {
      t.equal(sequence, (0xffff + index) & 0xffff);
      t.equal(marker, index === packets.length - 1);
      t.ok(payload.length <= LARGEST);
    }
    const isKeyframe = isHevcKeyframe(accessUnit(units), 0);
    t.equal(
      isKeyframe,
      units.some((unit) => typeOf(unit) >= 16 && typeOf(unit) < 24),
    );
    t.strictSame(
      packets.map(({ payload }) => startsKeyframe('hevc', payload, 0, payload.length)),
      packets.map(() => isKeyframe),
    );
  });

t.test('HEVC packets: an aggregation packet has the lowest temporal id of its units', async (t) => {
  const packetiser = new HevcPacketiser(STREAM);
  const data = accessUnit([nal(1, 20, 3), nal(1, 20, 2)]);
  const [packet] = split(packetiser.packetise({ data, offset: 0, timestamp: 0 }));
  t.equal(packet?.payload.readUInt16BE(0), (48 << 9) | 2);
});

t.test('HEVC packets: wrong lengths and random bytes cause no packets and no exception', async (t) => {
  const whole = accessUnit([SLICE, SLICE]);
  for (const data of [
    whole.subarray(0, -1),
    Buffer.concat([whole, Buffer.alloc(3)]),
    accessUnit([Buffer.alloc(1)]),
  ])
    t.equal(new HevcPacketiser(STREAM).packetise({ data, offset: 0, timestamp: 0 }), undefined);
  const random = seededRandom(11);
  const packetiser = new HevcPacketiser(STREAM);
  packetiser.configure(SETS);
  for (let round = 0; round < 20_000; round++) {
    const length = Math.floor(random() * 40);
    const data = Buffer.from(
      Array.from({ length }, () => Math.floor(random() * 256) * (random() < 0.5 ? 0 : 1)),
    );
    startsKeyframe('hevc', data, 0, data.length);
    readPictureSize('hevc', data, 0, data.length);
    for (const { payload } of split(packetiser.packetise({ data, offset: 0, timestamp: round })))
      if (payload.length === 0 || payload.length > LARGEST) t.fail(`${payload.length} bytes`);
  }
});

const MD5 = ['-frames:v', String(DECODED), '-fps_mode', 'passthrough', '-f', 'md5', '-c:v', 'rawvideo', '-'];

t.test('HEVC packets: ffmpeg receives and decodes the very pictures', async (t) => {
  const folder = t.testdir();
  const source = path.join(folder, 'source.hevc');
  const x265 = 'keyint=15:min-keyint=15:scenecut=0:aud=1:log-level=none';
  await run('ffmpeg', [
    ...['-v', 'error', '-f', 'lavfi', '-i', 'testsrc2=size=640x360:rate=30'],
    ...['-frames:v', String(SENT)],
    ...['-pix_fmt', 'yuv420p', '-c:v', 'libx265', '-preset', 'ultrafast', '-bf', '0', '-crf', '20'],
    ...['-x265-params', x265, source],
  ]);
  const packetiser = new HevcPacketiser(STREAM);
  const pictures = accessUnits(readFileSync(source)).map((units, index) =>
    packetiser.packetise({ data: accessUnit(units), offset: 0, timestamp: index * 3_000 }),
  );
  t.equal(pictures.length, SENT);
  const first = split(pictures[0])[0]!.payload;
  t.strictSame(readPictureSize('hevc', first, 0, first.length), { width: 640, height: 360 });
  const received = await receivedMd5(t, folder, pictures);
  const { stdout } = await run('ffmpeg', ['-v', 'error', '-i', source, ...MD5]);
  t.equal(received, stdout, 'the pictures are identical');
});

/** Splits an Annex B stream with delimiters into the NAL units of its pictures. */
function accessUnits(stream: Buffer): Buffer[][] {
  const pictures: Buffer[][] = [];
  for (let at = stream.indexOf(DELIMITER); at >= 0; ) {
    const next = stream.indexOf(DELIMITER, at + 1);
    const picture = stream.subarray(at, next < 0 ? stream.length : next);
    pictures.push(annexBUnits(picture));
    at = next;
  }
  return pictures;
}

function annexBUnits(bytes: Buffer): Buffer[] {
  const units: Buffer[] = [];
  const code = Buffer.from([0, 0, 1]);
  for (let at = bytes.indexOf(code); at >= 0; ) {
    const next = bytes.indexOf(code, at + 3);
    let end = next < 0 ? bytes.length : next;
    while (end > at + 3 && bytes[end - 1] === 0) end--;
    units.push(bytes.subarray(at + 3, end));
    at = next;
  }
  return units;
}

/** Sends the packets to ffmpeg by RTP, which decodes them. @returns its MD5 sum of the pictures */
async function receivedMd5(
  t: Test,
  folder: string,
  pictures: readonly (Buffer | undefined)[],
): Promise<string> {
  const socket = createSocket('udp4');
  t.teardown(() => socket.close());
  const probe = createSocket('udp4').bind(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address();
  probe.close();
  const sdp = path.join(folder, 'stream.sdp');
  writeFileSync(
    sdp,
    `v=0\no=- 0 0 IN IP4 127.0.0.1\ns=-\nc=IN IP4 127.0.0.1\nt=0 0\nm=video ${port} RTP/AVP 96\na=rtpmap:96 H265/90000\n`,
  );
  const child = spawn('ffmpeg', [
    // Threads would hold pictures as well, for which it waits 30 s.
    ...['-v', 'error', '-protocol_whitelist', 'file,udp,rtp', '-buffer_size', '4000000', '-threads', '1'],
    ...['-i', sdp, ...MD5],
  ]);
  t.teardown(() => child.kill('SIGKILL'));
  let output = '';
  child.stdout.on('data', (bytes) => {
    output += bytes;
  });
  const ended = once(child, 'close');
  await untilBound(port);
  for (const bytes of pictures) {
    const packets: Buffer[] = [];
    new FramedPacketReader((packet) => packets.push(Buffer.from(packet))).read(bytes!);
    for (const packet of packets)
      await new Promise((resolve) => socket.send(packet, port, '127.0.0.1', resolve));
    await new Promise((resolve) => setTimeout(resolve, 33));
  }
  await ended;
  return output;
}

/** Waits until another process has bound a UDP port of loopback: until then packets are refused. */
async function untilBound(port: number): Promise<void> {
  for (let isRefused = true; isRefused; ) {
    const socket = createSocket('udp4');
    socket.connect(port, '127.0.0.1');
    await once(socket, 'connect');
    isRefused = false;
    socket.on('error', () => {
      isRefused = true;
    });
    // Shorter than an RTP header: receivers ignore it.
    socket.send(Buffer.of(0));
    await new Promise((resolve) => setTimeout(resolve, 50));
    socket.close();
  }
}
