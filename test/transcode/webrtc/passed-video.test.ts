import path from 'node:path';
import t, { type Test } from 'tap';
import {
  av1Configuration,
  type CodedPicture,
  type FlvTag,
  isKeyFrame,
  type PictureSink,
  readAv1SequenceHeaderObu,
} from '../../../src/media/index.js';
import { isPlainAv1 } from '../../../src/transcode/webrtc/av1-profile.js';
import { isPlainHevc } from '../../../src/transcode/webrtc/hevc-profile.js';
import { PassedVideo } from '../../../src/transcode/webrtc/passed-video.js';
import { run } from '../../support/media/encoder.js';
import { mediaPackets } from '../../support/media/enhanced/media-packets.js';
import { encodeAv1, obuBytes, temporalUnits } from '../../support/media/rtp/av1-rtp.js';

class RecordingSink implements PictureSink {
  readonly streams: (readonly Buffer[])[] = [];
  readonly pictures: CodedPicture[] = [];

  beginStream(parameterSets: readonly Buffer[]): void {
    this.streams.push(parameterSets);
  }

  writePicture(picture: CodedPicture): boolean {
    this.pictures.push(picture);
    return true;
  }
}

/** Video tag of enhanced RTMP. */
function tagOf(first: number, fourCc: string, data: Buffer, timestamp = 0): FlvTag {
  const body = Buffer.concat([Buffer.of(first), Buffer.from(fourCc, 'latin1'), data]);
  const header = (first & 0x0f) === 0;
  return { kind: 'video', timestamp, body, header, keyframe: !header && (first & 0x70) === 0x10 };
}

async function av1Media(t: Test, tenBits: boolean): Promise<{ header: FlvTag; units: Buffer[][] }> {
  const file = await encodeAv1(t, { frameCount: 12, tenBits });
  const units = temporalUnits(file).map((obus) => obus.map((obu) => obuBytes(obu, true)));
  const sequence = units[0]!.find((obu) => readAv1SequenceHeaderObu(obu))!;
  const record = av1Configuration(readAv1SequenceHeaderObu(sequence)!, sequence);
  return { header: tagOf(0x90, 'av01', record), units };
}

t.test('every keyframe of AV1 that is passed through has a sequence header', async (t) => {
  const { header, units } = await av1Media(t, false);
  t.ok(isPlainAv1(header));
  const sink = new RecordingSink();
  const passed = new PassedVideo({ codec: 'av1', sink, header, originMs: 0, onDrop() {} });
  const bare = units[0]!.filter((obu) => !readAv1SequenceHeaderObu(obu));
  passed.write(tagOf(0x93, 'av01', Buffer.concat(units[0]!)));
  passed.write(tagOf(0xa3, 'av01', Buffer.concat(units[1]!), 33));
  passed.write(tagOf(0x93, 'av01', Buffer.concat(bare), 67));
  t.strictSame(sink.streams, [[]]);
  t.strictSame(
    sink.pictures.map(({ data, offset, timeMs }) => [isKeyFrame('av1', data, offset), timeMs]),
    [
      [true, 0],
      [false, 33],
      [true, 67],
    ],
  );
  const [whole, , mended] = sink.pictures.map(({ data, offset }) => data.subarray(offset));
  t.ok(mended!.equals(whole!));
});

t.test('AV1 with ten bits, and a header that cannot be read, are not passed through', async (t) => {
  t.notOk(isPlainAv1((await av1Media(t, true)).header));
  t.notOk(isPlainAv1(tagOf(0x90, 'av01', Buffer.alloc(3))));
  t.notOk(isPlainAv1(undefined));
});

for (const { pixels, isPlain } of [
  { pixels: 'yuv420p', isPlain: true },
  { pixels: 'yuv420p10le', isPlain: false },
  { pixels: 'yuv444p', isPlain: false },
])
  t.test(`HEVC in ${pixels} is ${isPlain ? '' : 'not '}passed through`, async (t) => {
    const file = path.join(t.testdir(), 'hevc.mp4');
    await run('ffmpeg', [
      ...['-v', 'error', '-f', 'lavfi', '-i', 'testsrc2=size=320x180:rate=30', '-frames:v', '2'],
      ...[
        '-pix_fmt',
        pixels,
        '-c:v',
        'libx265',
        '-preset',
        'ultrafast',
        '-x265-params',
        'log-level=none',
        file,
      ],
    ]);
    const { configuration } = await mediaPackets(file);
    const header = tagOf(0x90, 'hvc1', configuration);
    t.equal(isPlainHevc(header), isPlain);
    t.notOk(isPlainHevc(tagOf(0x90, 'hvc1', configuration.subarray(0, 12))));
    const sink = new RecordingSink();
    new PassedVideo({ codec: 'hevc', sink, header, originMs: 0, onDrop() {} });
    t.strictSame(
      sink.streams[0]!.map((set) => (set[0]! >> 1) & 0x3f).slice(0, 3),
      [32, 33, 34],
      'its parameter sets',
    );
  });
