import t from 'tap';
import {
  readFlvAudioTag,
  readFlvVideoTag,
  TrackSelection,
  timestampDistance,
} from '../../src/media/index.js';

const bytes = (...values: (number | string | Buffer)[]): Buffer =>
  Buffer.concat(
    values.map((value) => (typeof value === 'number' ? Buffer.from([value]) : Buffer.from(value))),
  );

t.test('legacy H.264 tags yield packet type, keyframe and composition time', async (t) => {
  t.match(readFlvVideoTag(bytes(0x17, 0, 0, 0, 0, 1, 100)), {
    packet: 'configuration',
    codec: 'h264',
    keyframe: false,
    dataOffset: 5,
  });
  t.match(readFlvVideoTag(bytes(0x17, 1, 0, 0, 67, 9)), {
    packet: 'frame',
    keyframe: true,
    compositionTime: 67,
  });
  t.match(readFlvVideoTag(bytes(0x27, 1, 0xff, 0xff, 0xdf, 9)), { keyframe: false, compositionTime: -33 });
  t.same(readFlvVideoTag(bytes(0x17, 2, 0, 0, 0)), { packet: 'other' }, 'end of sequence');
  t.same(readFlvVideoTag(bytes(0x57, 0)), { packet: 'other' }, 'seek mark');
});

t.test('an enhanced H.264 tag is rewritten as a legacy tag with the same data', async (t) => {
  const cases: [Buffer, Buffer, boolean][] = [
    [bytes(0x90, 'avc1', 'record'), bytes(0x17, 0, 0, 0, 0, 'record'), false],
    [bytes(0x91, 'avc1', 0, 0, 40, 'picture'), bytes(0x17, 1, 0, 0, 40, 'picture'), true],
    [bytes(0xa3, 'avc1', 'picture'), bytes(0x27, 1, 0, 0, 0, 'picture'), false],
  ];
  for (const [enhanced, classic, keyframe] of cases) {
    const tag = readFlvVideoTag(enhanced);
    if (!tag || !('body' in tag)) throw new Error('the tag was not read');
    t.same(tag.body, classic);
    t.equal(tag.keyframe, keyframe);
    t.same(readFlvVideoTag(classic), tag, 'the rewritten tag is read the same');
  }
});

t.test('enhanced HEVC, AV1 and VP9 tags keep their header', async (t) => {
  const hevc = bytes(0x91, 'hvc1', 0, 0, 33, 'picture');
  t.match(readFlvVideoTag(hevc), {
    codec: 'hevc',
    keyframe: true,
    compositionTime: 33,
    dataOffset: 8,
    body: hevc,
  });
  t.match(readFlvVideoTag(bytes(0xa3, 'hvc1', 'p')), { codec: 'hevc', compositionTime: 0, dataOffset: 5 });
  t.match(readFlvVideoTag(bytes(0x90, 'av01', 'c')), {
    codec: 'av1',
    packet: 'configuration',
    keyframe: false,
  });
  t.match(readFlvVideoTag(bytes(0xa1, 'vp09', 'p')), {
    codec: 'vp9',
    packet: 'frame',
    keyframe: false,
    dataOffset: 5,
  });
  t.same(readFlvVideoTag(bytes(0x94, 'hvc1', 'hdr')), { packet: 'other' }, 'HDR metadata');
  t.same(readFlvVideoTag(bytes(0x92, 'hvc1')), { packet: 'other' }, 'end of sequence');
});

t.test('unsupported video codecs are reported by name', async (t) => {
  const named = (body: Buffer): unknown => readFlvVideoTag(body);
  t.same(named(bytes(0x14, 0)), { packet: 'unsupported', codec: 'On2 VP6' });
  t.same(named(bytes(0x22, 0)), { packet: 'unsupported', codec: 'Sorenson H.263' });
  t.same(named(bytes(0x90, 'vvc1', 0)), { packet: 'unsupported', codec: 'video "vvc1"' });
  t.same(named(bytes(0x90, '\n<b>', 0)), { packet: 'unsupported', codec: 'video "??b?"' });
});

t.test('legacy audio tags yield packet type, codec, sample rate and channels', async (t) => {
  t.match(readFlvAudioTag(bytes(0xaf, 0, 0x12, 0x10)), {
    packet: 'configuration',
    codec: 'aac',
    dataOffset: 2,
  });
  t.match(readFlvAudioTag(bytes(0xaf, 1, 'sound')), { packet: 'frame', codec: 'aac', dataOffset: 2 });
  t.match(readFlvAudioTag(bytes(0x2e, 'sound')), {
    codec: 'mp3',
    sampleRate: 44_100,
    channels: 1,
    dataOffset: 1,
  });
  t.same(readFlvAudioTag(bytes(0xb2, 0)), { packet: 'unsupported', codec: 'Speex' });
  for (const [fourCc, codec] of [
    ['fLaC', 'flac'],
    ['ac-3', 'ac3'],
    ['ec-3', 'eac3'],
  ] as const) {
    t.match(readFlvAudioTag(bytes(0x91, fourCc, 'x')), { packet: 'frame', codec, dataOffset: 5 });
    t.match(readFlvAudioTag(bytes(0x90, fourCc, 'x')), { packet: 'configuration', codec, dataOffset: 5 });
  }
  t.same(readFlvAudioTag(bytes(0x91, 'dtsc', 0)), { packet: 'unsupported', codec: 'audio "dtsc"' });
  t.match(readFlvAudioTag(bytes(0x91, 'Opus', 7)), {
    ...{ packet: 'frame', codec: 'opus', dataOffset: 5, sampleRate: 48_000 },
  });
});

t.test('enhanced AAC and MP3 tags are rewritten as legacy tags with the same data', async (t) => {
  const cases: [Buffer, Buffer][] = [
    [bytes(0x90, 'mp4a', 0x12, 0x10), bytes(0xaf, 0, 0x12, 0x10)],
    [bytes(0x91, 'mp4a', 'sound'), bytes(0xaf, 1, 'sound')],
    [bytes(0x91, '.mp3', 'sound'), bytes(0x2f, 'sound')],
  ];
  for (const [enhanced, classic] of cases) t.match(readFlvAudioTag(enhanced), { body: classic });
  t.same(readFlvAudioTag(bytes(0x94, 'mp4a', 0)), { packet: 'other' }, 'a channel layout');
});

/** Track of an enhanced multitrack tag with its size (Enhanced RTMP v2). */
const sizedTrack = (id: number, data: string): Buffer => bytes(id, 0, 0, data.length, data);
const OTHER = { packet: 'other' };
/** Body that a tag is rewritten to. */
const readBody = (tag: Buffer): Buffer => (readFlvVideoTag(tag) as { body: Buffer }).body;

t.test('a multitrack video tag yields its track 0 as a tag of one track', async (t) => {
  const cases: [tag: Buffer, single: Buffer][] = [
    [bytes(0x96, 0x00, 'avc1', 0, 'record'), bytes(0x90, 'avc1', 'record')],
    [bytes(0x96, 0x01, 'avc1', 0, 0, 0, 40, 'picture'), bytes(0x91, 'avc1', 0, 0, 40, 'picture')],
    [bytes(0xa6, 0x03, 'hvc1', 0, 'picture'), bytes(0xa3, 'hvc1', 'picture')],
    [
      bytes(0x96, 0x13, 'av01', sizedTrack(0, 'first'), sizedTrack(1, 'second')),
      bytes(0x93, 'av01', 'first'),
    ],
    [
      bytes(0x96, 0x13, 'avc1', sizedTrack(2, 'second'), sizedTrack(0, 'first')),
      bytes(0x93, 'avc1', 'first'),
    ],
    [
      bytes(0x96, 0x23, 'vp09', sizedTrack(1, ''), 'hvc1', sizedTrack(0, 'first')),
      bytes(0x93, 'hvc1', 'first'),
    ],
  ];
  for (const [tag, single] of cases) {
    const name = tag.toString('latin1');
    const read = readFlvVideoTag(tag);
    t.match(read, { codec: /h264|hevc|av1/ }, name);
    t.same(read, readFlvVideoTag(single), name);
  }
});

t.test('a multitrack audio tag yields its track 0 as a tag of one track', async (t) => {
  t.match(readFlvAudioTag(bytes(0x95, 0x00, 'mp4a', 0, 0x12, 0x10)), {
    packet: 'configuration',
    body: bytes(0xaf, 0, 0x12, 0x10),
  });
  t.match(readFlvAudioTag(bytes(0x95, 0x11, 'mp4a', sizedTrack(1, 'second'), sizedTrack(0, 'first'))), {
    packet: 'frame',
    body: bytes(0xaf, 1, 'first'),
  });
  t.match(readFlvAudioTag(bytes(0x95, 0x21, 'Opus', sizedTrack(1, 'x'), '.mp3', sizedTrack(0, 'first'))), {
    body: bytes(0x2f, 'first'),
  });
  t.match(readFlvAudioTag(bytes(0x95, 0x01, 'dtsc', 0, 'x')), {
    packet: 'unsupported',
    codec: 'audio "dtsc"',
  });
});

t.test('other tracks than the lowest so far are ignored, of whatever codec', async (t) => {
  const tracks = new TrackSelection();
  t.match(readFlvVideoTag(bytes(0x96, 0x13, 'avc1', sizedTrack(3, 'x'), sizedTrack(2, 'y')), tracks), {
    body: readBody(bytes(0x93, 'avc1', 'y')),
  });
  t.equal(tracks.hasOthers, true);
  t.same(readFlvVideoTag(bytes(0x96, 0x01, 'vvc1', 3, 'x'), tracks), OTHER);
  t.match(readFlvVideoTag(bytes(0x96, 0x03, 'avc1', 1, 'z'), tracks), { packet: 'frame' });
  t.same(readFlvVideoTag(bytes(0x96, 0x03, 'avc1', 2, 'y'), tracks), OTHER);
  t.match(readFlvVideoTag(bytes(0x93, 'avc1', 'z'), tracks), { packet: 'frame' }, 'a plain tag is track 0');
  t.same(readFlvVideoTag(bytes(0x96, 0x03, 'avc1', 1, 'z'), tracks), OTHER);
  t.same(readFlvVideoTag(bytes(0x96, 0x11, 'avc1')), OTHER, 'no track at all');
  const audio = new TrackSelection();
  readFlvAudioTag(bytes(0xaf, 1, 'sound'), audio);
  t.equal(audio.hasOthers, false);
  t.same(readFlvAudioTag(bytes(0x95, 0x20, 'fLaC', sizedTrack(3, 'x')), audio), OTHER);
  t.equal(audio.hasOthers, true);
});

t.test('ModEx headers in front of a tag are skipped', async (t) => {
  const long = Buffer.alloc(301);
  const cases = [
    bytes(0x97, 2, 0, 0, 9, 0x03, 'avc1', 'picture'),
    bytes(0x97, 2, 0, 0, 9, 0x07, 0, 7, 0x03, 'avc1', 'picture'),
    Buffer.concat([bytes(0x97, 0xff, 1, 0x2c), long, bytes(0x03, 'avc1', 'picture')]),
    bytes(0x97, 2, 0, 0, 9, 0x06, 0x03, 'avc1', 0, 'picture'),
  ];
  for (const tag of cases) {
    t.same(readFlvVideoTag(tag), readFlvVideoTag(bytes(0x93, 'avc1', 'picture')));
  }
  t.match(readFlvAudioTag(bytes(0x97, 2, 0, 0, 9, 0x01, 'mp4a', 'sound')), { body: bytes(0xaf, 1, 'sound') });
});

t.test('malformed multitrack and ModEx tags yield undefined', async (t) => {
  const first = bytes(0x97, 2, 0, 0, 9, 0x06, 0x23, 'avc1', sizedTrack(1, 'x'));
  const whole = Buffer.concat([first, bytes('hvc1', sizedTrack(0, 'picture'))]);
  for (let size = 1; size < whole.length; size++) {
    const tag = readFlvVideoTag(Buffer.from(whole.subarray(0, size)));
    if (size === first.length) t.match(tag, { codec: 'h264', packet: 'frame' }, 'the first track alone');
    else t.ok(tag === undefined || tag.packet === 'other', `${size} bytes`);
  }
  t.match(readFlvVideoTag(whole), { codec: 'hevc', packet: 'frame' });
  for (const body of [
    bytes(0x96),
    bytes(0x96, 0x31, 'avc1', 0, 'x'),
    bytes(0x96, 0x06, 'avc1', 0, 'x'),
    bytes(0x96, 0x07, 'avc1', 0, 'x'),
    bytes(0x96, 0x11, 'avc1', 0, 0xff, 0xff, 0xff, 'x'),
    bytes(0x97, 0xff, 0xff, 0xff),
  ]) {
    t.equal(readFlvVideoTag(body), undefined, body.toString('hex'));
  }
  for (const body of [bytes(0x95), bytes(0x95, 0x05), bytes(0x97), bytes(0x97, 0)])
    t.equal(readFlvAudioTag(body), undefined, body.toString('hex'));
});

t.test('truncated tags yield undefined', async (t) => {
  for (const body of [
    bytes(),
    bytes(0x17),
    bytes(0x17, 1, 0, 0),
    bytes(0x91, 'hvc'),
    bytes(0x91, 'hvc1', 0, 0),
  ]) {
    t.equal(readFlvVideoTag(body), undefined, body.toString('hex'));
  }
  for (const body of [bytes(), bytes(0xaf), bytes(0x91, 'mp4')]) {
    t.equal(readFlvAudioTag(body), undefined, body.toString('hex'));
  }
});

t.test('the distance of timestamps is signed across the wrap', async (t) => {
  t.equal(timestampDistance(10, 30), 20);
  t.equal(timestampDistance(30, 10), -20);
  t.equal(timestampDistance(0xffff_fff0, 0x10), 0x20, 'over the wrap');
  t.equal(timestampDistance(0x10, 0xffff_fff0), -0x20, 'back over the wrap');
  t.equal(timestampDistance(0, 0x7fff_ffff), 0x7fff_ffff);
});
