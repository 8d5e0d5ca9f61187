import t from 'tap';
import {
  bareRtp,
  extendSequence,
  isRtcp,
  originalSequence,
  RtpHeader,
  readPictureSize,
  restoreOriginal,
  sequenceDistance,
  startsKeyframe,
  visitExtensions,
  writeOneByteExtension,
} from '../../../src/media/index.js';
import { rtpPacket, SPS_640X360 } from '../../support/media/rtp/synthetic-rtp.js';

const FIELDS = { payloadType: 96, sequence: 65_535, timestamp: 4_294_967_295, ssrc: 0xdeadbeef };

function read(packet: Buffer): RtpHeader | undefined {
  const header = new RtpHeader();
  return header.read(packet) ? header : undefined;
}

function extensionsOf(packet: Buffer): [number, string][] {
  const found: [number, string][] = [];
  visitExtensions(packet, read(packet)!, {
    extension: (bytes, id, offset, length) =>
      found.push([id, bytes.toString('latin1', offset, offset + length)]),
  });
  return found;
}

t.test('an RTP header with CSRCs, extension and padding is read', async (t) => {
  const payload = Buffer.from('payload');
  const packet = rtpPacket({
    ...FIELDS,
    marker: true,
    payload,
    extensions: [{ id: 3, value: Buffer.from('h') }],
    padding: 4,
  });
  const header = read(packet)!;
  t.match(header, { ...FIELDS, marker: true });
  t.same(packet.subarray(header.payloadOffset, header.payloadEnd), payload);
  const withSources = Buffer.concat([packet.subarray(0, 12), Buffer.alloc(8, 1), packet.subarray(12)]);
  withSources[0]! |= 2;
  const second = read(withSources)!;
  t.same(withSources.subarray(second.payloadOffset, second.payloadEnd), payload);
  const bare = bareRtp(withSources, second);
  t.same(bare, rtpPacket({ ...FIELDS, marker: true, payload }));
  t.equal(bare.buffer, withSources.buffer, 'without a copy');
});

t.test('invalid or contradictory RTP headers are rejected', async (t) => {
  const good = rtpPacket({
    ...FIELDS,
    payload: Buffer.from([1]),
    extensions: [{ id: 1, value: Buffer.from('x') }],
  });
  const mutate = (change: (packet: Buffer) => void): Buffer => {
    const packet = Buffer.from(good);
    change(packet);
    return packet;
  };
  t.ok(read(good));
  t.notOk(read(Buffer.alloc(0)));
  t.notOk(read(good.subarray(0, 11)));
  t.notOk(read(good.subarray(0, 13)), 'cut in the extension');
  t.notOk(read(mutate((packet) => (packet[0] = 0x10))), 'another version');
  t.notOk(read(mutate((packet) => packet.writeUInt16BE(0xffff, 14))), 'an extension longer than the packet');
  t.notOk(read(mutate((packet) => (packet[0]! |= 0x0f))), 'more CSRCs than the packet holds');
  const padded = mutate((packet) => (packet[0]! |= 0x20));
  padded[padded.length - 1] = 0;
  t.notOk(read(padded), 'padding of length 0');
  padded[padded.length - 1] = 255;
  t.notOk(read(padded), 'padding longer than the payload');
});

t.test('the second byte tells RTCP from RTP', async (t) => {
  t.ok(isRtcp(Buffer.from([0x80, 200])));
  t.ok(isRtcp(Buffer.from([0x81, 206])));
  t.notOk(isRtcp(Buffer.from([0x80, 96])));
  t.notOk(isRtcp(Buffer.from([0x80, 0x80 | 111])));
});

t.test('header extensions of both forms are read up to the first invalid element', async (t) => {
  const elements = [
    { id: 1, value: Buffer.from('a') },
    { id: 14, value: Buffer.from('0123456789abcdef') },
  ];
  t.same(extensionsOf(rtpPacket({ ...FIELDS, extensions: elements })), [
    [1, 'a'],
    [14, '0123456789abcdef'],
  ]);
  const raw = (profile: number, body: string): Buffer => {
    const bytes = Buffer.from(body, 'hex');
    const packet = Buffer.concat([rtpPacket(FIELDS), Buffer.alloc(4), bytes]);
    packet[0]! |= 0x10;
    packet.writeUInt16BE(profile, 12);
    packet.writeUInt16BE(bytes.length / 4, 14);
    return packet;
  };
  t.same(extensionsOf(raw(0x1000, '0100' + '00' + '02026869' + '00')), [
    [1, ''],
    [2, 'hi'],
  ]);
  t.same(extensionsOf(raw(0x100f, '01016100')), [[1, 'a']]);
  t.same(extensionsOf(raw(0x1000, '01ff6100')), [], 'longer than the block');
  t.same(extensionsOf(raw(0xbede, '1f616200')), [], 'longer than the block');
  t.same(extensionsOf(raw(0xbede, '1061f061')), [[1, 'a']], 'the reserved id ends the list');
  t.same(extensionsOf(raw(0x9999, '10610000')), [], 'an unknown form');
  const written = Buffer.alloc(8);
  writeOneByteExtension(written, 0, 5, 3);
  t.same(written, Buffer.from('bede000150030000', 'hex'));
});

t.test('sequence numbers are compared and extended across their wrap', async (t) => {
  t.equal(sequenceDistance(65_535, 0), 1);
  t.equal(sequenceDistance(0, 65_535), -1);
  t.equal(sequenceDistance(10, 10), 0);
  t.equal(extendSequence(1, 65_535), 65_537);
  t.equal(extendSequence(65_535, 65_537), 65_535);
  const far = 2 ** 33 + 5;
  t.equal(extendSequence(6, far), far + 1, 'after days, too');
});

t.test('a retransmission is restored to the original packet', async (t) => {
  const payload = Buffer.from('the payload');
  const lost = rtpPacket({ ...FIELDS, sequence: 500, marker: true, payload });
  const rtx = rtpPacket({
    ...FIELDS,
    payloadType: 97,
    ssrc: 2,
    sequence: 9,
    marker: true,
    payload: Buffer.concat([lost.subarray(2, 4), payload]),
    extensions: [{ id: 1, value: Buffer.from('x') }],
    padding: 5,
  });
  const header = read(rtx)!;
  t.equal(originalSequence(rtx, header), 500);
  t.same(restoreOriginal(rtx, header, FIELDS.payloadType, FIELDS.ssrc), lost);
  const probe = rtpPacket({ ...FIELDS, payloadType: 97, padding: 255 });
  t.equal(originalSequence(probe, read(probe)!), undefined);
});

t.test('the first packet of a keyframe is detected for every codec', async (t) => {
  const starts = (codec: 'h264' | 'vp8' | 'vp9' | 'av1', hex: string): boolean => {
    const payload = Buffer.from(hex, 'hex');
    return startsKeyframe(codec, payload, 0, payload.length);
  };
  t.ok(starts('h264', '67'), 'SPS');
  t.ok(starts('h264', '6588'), 'IDR');
  t.ok(starts('h264', '7c85ff'), 'the first fragment of an IDR');
  t.notOk(starts('h264', '7c05ff'), 'a later one');
  t.ok(starts('h264', '78' + '000168' + '000167' + '000165'), 'an aggregate with an SPS');
  t.notOk(starts('h264', '78000141'));
  t.notOk(starts('h264', '78ffff'));
  t.notOk(starts('h264', '61ff'));
  t.ok(starts('vp8', '1000'));
  t.ok(starts('vp8', '9080' + '81ff' + '00'), 'after a descriptor with a long picture id');
  t.notOk(starts('vp8', '1001'), 'an inter frame');
  t.notOk(starts('vp8', '0000'), 'the middle of a frame');
  t.notOk(starts('vp8', '1100'), 'another partition');
  t.ok(starts('vp9', '88' + '01' + '00'), 'start of a picture that is not predicted');
  t.notOk(starts('vp9', 'c80100'), 'a predicted one');
  t.ok(starts('vp9', 'a8' + '01' + '00' + '00' + '00'), 'the lowest spatial layer');
  t.notOk(starts('vp9', 'a8' + '01' + '02' + '00' + '00'), 'a higher one');
  t.ok(starts('av1', '18'));
  t.notOk(starts('av1', '10'));
  t.notOk(starts('av1', '98'), 'the rest of an OBU');
  for (const codec of ['h264', 'vp8', 'vp9', 'av1'] as const) t.notOk(starts(codec, ''));
});

t.test('the picture size is read from the packets that carry it, for every codec', async (t) => {
  const size = (codec: 'h264' | 'vp8' | 'vp9', payload: Buffer): unknown =>
    readPictureSize(codec, payload, 0, payload.length);
  const expected = { width: 640, height: 360 };
  t.same(size('h264', SPS_640X360), expected);
  const aggregate = Buffer.concat([
    Buffer.from([0x78, 0, SPS_640X360.length]),
    SPS_640X360,
    Buffer.from([0, 1, 0x68]),
  ]);
  t.same(size('h264', aggregate), expected);
  const delimiter = Buffer.from([0, 2, 0x09, 0x10]);
  const delimited = Buffer.concat([aggregate.subarray(0, 1), delimiter, aggregate.subarray(1)]);
  t.same(size('h264', delimited), expected, 'after an access unit delimiter');
  t.equal(size('h264', delimited.subarray(0, 12)), undefined, 'cut off');
  t.equal(size('h264', Buffer.from('6588', 'hex')), undefined);
  t.same(size('vp8', Buffer.from('10' + '000000' + '9d012a' + '8002' + '6801', 'hex')), expected);
  t.equal(size('vp8', Buffer.from('10' + '000000' + '9d012b' + '8002' + '6801', 'hex')), undefined);
  t.equal(size('vp8', Buffer.from('10000000', 'hex')), undefined);
  t.same(
    size('vp9', Buffer.from('8a' + '01' + '38' + '0140' + '00b4' + '0280' + '0168' + '00' + '00', 'hex')),
    expected,
  );
  t.equal(size('vp9', Buffer.from('8a01f80140', 'hex')), undefined);
});
