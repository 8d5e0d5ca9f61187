import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import t from 'tap';
import {
  FramedPacketReader,
  framePacket,
  H264Packetiser,
  isH264Keyframe,
  MAXIMUM_RTP_PACKET_BYTES,
  readH264ParameterSets,
} from '../../../src/media/index.js';
import { createTestMedia } from '../../support/media/flv-media.js';
import { codedUnits, NAL, nalTypes, nalUnitsOf } from '../../support/media/h264-units.js';
import { framesOf, parseRtp, type RtpPacket } from '../../support/media/rtp/rtp-receiver.js';
import { seededRandom } from '../../support/media/seeded-random.js';

const SPS = Buffer.from('6742c01ed900a02ff961', 'hex');
const PPS = Buffer.from('68cb83cb20', 'hex');
const OTHER_PPS = Buffer.from('68ce3c80', 'hex');
const STREAM = { ssrc: 0x1234, payloadType: 96 };

/** NAL unit of a type, with importance 3. */
function nal(type: number, bytes: number): Buffer {
  const unit = Buffer.alloc(bytes, type * 16 + 1);
  unit[0] = 0x60 | type;
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

function packetise(units: readonly Buffer[], sets: readonly Buffer[] = [SPS, PPS]): RtpPacket[] {
  const packetiser = new H264Packetiser(STREAM);
  packetiser.configure(sets);
  return split(packetiser.packetise({ data: accessUnit(units), offset: 0, timestamp: 9_000 }));
}

const SLICE = nal(NAL.slice, 500);
const IDR = nal(NAL.idr, 500);
const DELIMITER = nal(9, 2);
const SEI = nal(6, 30);
const FILLER = nal(12, 100);
/** Payload of the largest packet that holds a unit as it is. */
const LARGEST = MAXIMUM_RTP_PACKET_BYTES - 12;

for (const { name, units, sent, types, sets } of [
  { name: 'a slice is a packet', units: [SLICE], sent: [SLICE], types: [1] },
  {
    name: 'an IDR picture follows the parameter sets in one packet',
    units: [IDR],
    sent: [SPS, PPS, IDR],
    types: [24],
  },
  {
    name: 'delimiters, SEI and filler data are left out',
    units: [DELIMITER, SEI, SLICE, FILLER],
    sent: [SLICE],
    types: [1],
  },
  {
    name: 'parameter sets in band are not repeated',
    units: [DELIMITER, SPS, PPS, IDR],
    sent: [SPS, PPS, IDR],
    types: [24],
  },
  {
    name: 'a further PPS in band follows those of the configuration',
    units: [OTHER_PPS, IDR],
    sent: [SPS, PPS, OTHER_PPS, IDR],
    types: [24],
  },
  {
    name: 'a PPS before another picture is kept',
    units: [PPS, SLICE],
    sent: [PPS, SLICE],
    types: [24],
  },
  {
    name: 'a picture without configuration is sent as it is',
    units: [IDR],
    sets: [],
    sent: [IDR],
    types: [5],
  },
  {
    name: 'the largest single unit is one packet',
    units: [nal(1, LARGEST)],
    sent: [nal(1, LARGEST)],
    types: [1],
  },
  {
    name: 'a larger unit is fragmented',
    units: [nal(1, LARGEST + 1)],
    sent: [nal(1, LARGEST + 1)],
    types: [28, 28],
  },
  {
    name: 'units that fill a packet exactly share it',
    units: [nal(1, 591), nal(1, 592)],
    sent: [nal(1, 591), nal(1, 592)],
    types: [24],
  },
  {
    name: 'units that exceed a packet by a byte do not share it',
    units: [nal(1, 592), nal(1, 592)],
    sent: [nal(1, 592), nal(1, 592)],
    types: [1, 1],
  },
  {
    name: 'small units after a fragmented one share a packet',
    units: [nal(1, 5_000), SLICE, SLICE],
    sent: [nal(1, 5_000), SLICE, SLICE],
    types: [28, 28, 28, 28, 28, 24],
  },
])
  t.test(`H.264 packets: ${name}`, async (t) => {
    const packets = packetise(units, sets);
    t.strictSame(
      packets.map(({ payload }) => payload[0]! & 0x1f),
      types,
    );
    t.strictSame(
      framesOf(packets).map((frame) => frame.units),
      [sent],
    );
    t.strictSame(
      packets.map(({ marker }) => marker),
      types.map((_, index) => index === types.length - 1),
      'the last packet has the marker',
    );
    for (const [index, { sequence, timestamp, ssrc, payloadType, payload }] of packets.entries()) {
      t.match({ sequence, timestamp, ssrc, payloadType }, { sequence: index, timestamp: 9_000, ...STREAM });
      t.ok(payload.length <= LARGEST);
    }
  });

t.test('H.264 packets: sequence numbers and timestamps wrap', async (t) => {
  const packetiser = new H264Packetiser({ ...STREAM, sequence: 0xffff });
  const unit = { data: accessUnit([SLICE]), offset: 0, timestamp: 0xffff_ffff };
  const packets = [
    ...split(packetiser.packetise(unit)),
    ...split(packetiser.packetise({ ...unit, timestamp: 2 ** 32 + 5 })),
  ];
  t.match(packets, [
    { sequence: 0xffff, timestamp: 0xffff_ffff },
    { sequence: 0, timestamp: 5 },
  ]);
});

t.test('H.264 packets: a picture with wrong lengths or without slices is not sent', async (t) => {
  const whole = accessUnit([SLICE, SLICE]);
  for (const data of [
    whole.subarray(0, -1),
    whole.subarray(0, -500),
    Buffer.concat([whole, Buffer.alloc(3)]),
  ])
    t.equal(new H264Packetiser(STREAM).packetise({ data, offset: 0, timestamp: 0 }), undefined);
  for (const units of [[], [SEI], [Buffer.alloc(0)]])
    t.equal(
      new H264Packetiser(STREAM).packetise({ data: accessUnit(units), offset: 0, timestamp: 0 }),
      undefined,
    );
});

t.test('H.264 packets: random bytes cause no exception', async (t) => {
  const random = seededRandom(7);
  const packetiser = new H264Packetiser(STREAM);
  packetiser.configure([SPS, PPS]);
  for (let round = 0; round < 20_000; round++) {
    const data = Buffer.from(
      Array.from(
        { length: Math.floor(random() * 40) },
        () => Math.floor(random() * 256) * (random() < 0.5 ? 0 : 1),
      ),
    );
    isH264Keyframe(data, 0);
    for (const { payload } of split(packetiser.packetise({ data, offset: 0, timestamp: round })))
      if (payload.length === 0 || payload.length > LARGEST) t.fail(`${payload.length} bytes`);
  }
  t.pass();
});

t.test('H.264 packets: a video of ffmpeg is the same after packets and a decoder', async (t) => {
  const folder = t.testdir();
  const video = { width: 1280, height: 720, rate: '30', keyframes: 1 };
  const { tags } = await createTestMedia({ file: `${folder}/source.flv`, durationS: 3, video });
  const configuration = tags.find(({ header }) => header)!;
  const pictures = tags.filter(({ kind, header }) => kind === 'video' && !header);
  const packetiser = new H264Packetiser(STREAM);
  packetiser.configure(readH264ParameterSets(configuration.body.subarray(5)) ?? []);
  const packets = pictures.flatMap(({ body, timestamp }) =>
    split(packetiser.packetise({ data: body, offset: 5, timestamp: timestamp * 90 })),
  );
  const frames = framesOf(packets);
  t.equal(frames.length, 90);
  for (const [index, { units }] of frames.entries()) {
    const original = pictures[index]!;
    t.ok(Buffer.concat(codedUnits(units)).equals(Buffer.concat(codedUnits(nalUnitsOf(original)))));
    t.equal(isH264Keyframe(original.body, 5), original.keyframe);
    if (original.keyframe) t.strictSame(nalTypes(units).slice(0, 3), [NAL.sps, NAL.pps, NAL.idr]);
    else t.notOk(nalTypes(units).includes(NAL.sps));
  }
  const bytes = frames.flatMap(({ units }) => units.flatMap((unit) => [Buffer.from([0, 0, 0, 1]), unit]));
  writeFileSync(`${folder}/received.h264`, Buffer.concat(bytes));
  const decode = (name: string): string =>
    execFileSync('ffmpeg', [
      '-v',
      'error',
      '-i',
      `${folder}/${name}`,
      '-f',
      'md5',
      '-c:v',
      'rawvideo',
      '-',
    ]).toString();
  t.equal(decode('received.h264'), decode('source.flv'), 'the pictures are identical');
});

t.test('framed packets: any division of the stream gives the same packets', async (t) => {
  const random = seededRandom(3);
  const packets = Array.from({ length: 50 }, (_, index) =>
    Buffer.alloc(1 + Math.floor(random() * 1_500), index),
  );
  // An empty packet is skipped.
  const bytes = Buffer.concat([Buffer.alloc(2), ...packets.map(framePacket)]);
  for (const chunk of [1, 2, 3, 700, 65_536]) {
    const read: Buffer[] = [];
    const reader = new FramedPacketReader((packet) => read.push(Buffer.from(packet)));
    for (let at = 0; at < bytes.length; at += chunk) reader.read(bytes.subarray(at, at + chunk));
    t.strictSame(read, packets);
  }
});
