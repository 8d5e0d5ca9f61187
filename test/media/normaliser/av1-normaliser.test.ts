import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import t from 'tap';
import { createVideoNormaliser, type VideoFrame } from '../../../src/media/index.js';

const CONFIGURATION_HEAD = Buffer.from('\x90av01', 'latin1');
const FRAME_HEAD = Buffer.from('\x91av01', 'latin1');
const DELIMITER = Buffer.from([0x12, 0]);
const METADATA = Buffer.from([0x2a, 2, 1, 2]);

/** Encodes AV1. @returns its temporal units, without delimiters */
async function encodeAv1(size: string): Promise<Buffer[]> {
  const source = ['-f', 'lavfi', '-i', `testsrc2=size=${size}:rate=25:duration=0.4`, '-pix_fmt', 'yuv420p'];
  const args = [
    '-v',
    'error',
    ...source,
    '-c:v',
    'libsvtav1',
    '-preset',
    '12',
    '-g',
    '5',
    '-f',
    'obu',
    'pipe:1',
  ];
  const options = { encoding: 'buffer' as const, maxBuffer: 1 << 20, env: { ...process.env, SVT_LOG: '0' } };
  const { stdout } = await promisify(execFile)('ffmpeg', args, options);
  const units: Buffer[] = [];
  for (let at = 0; at >= 0; ) {
    const next = stdout.indexOf(DELIMITER, at + 2);
    units.push(stdout.subarray(at + 2, next < 0 ? stdout.length : next));
    at = next;
  }
  return units;
}

const MEDIA = await encodeAv1('128x96');
const [KEY, INTER] = [MEDIA[0]!, MEDIA[1]!];
const OTHER_KEY = (await encodeAv1('96x128'))[0]!;

/** Sequence header with which a keyframe begins. */
const sequenceOf = (unit: Buffer): Buffer => unit.subarray(0, 2 + unit[1]!);
/** An av1C of version 1 with the sequence header alone. */
const RECORD = Buffer.concat([Buffer.from([0x81, 0, 0x0c, 0]), sequenceOf(KEY)]);

type Normalised = { frames: VideoFrame[]; configurations: Buffer[]; dropped: number };

function normalise(units: readonly Buffer[], record: Buffer | undefined = RECORD): Normalised {
  const frames: VideoFrame[] = [];
  const configurations: Buffer[] = [];
  const normaliser = createVideoNormaliser('av1', {
    configuration: (body, dataOffset) => configurations.push(body.subarray(dataOffset)),
    frame: (frame) => frames.push(frame),
    amend: () => false,
  });
  const packet = { codec: 'av1' as const, keyframe: false, compositionTime: 0, dataOffset: 5 };
  if (record) normaliser.configure({ ...packet, body: Buffer.concat([CONFIGURATION_HEAD, record]) });
  for (const [i, unit] of units.entries())
    normaliser.push({ ...packet, body: Buffer.concat([FRAME_HEAD, unit]) }, i * 40);
  return { frames, configurations, dropped: normaliser.dropped };
}

const dataOf = ({ body, dataOffset }: VideoFrame): Buffer => body.subarray(dataOffset);

t.test('keyframes are read from the frame header, and the label follows', async (t) => {
  const { frames, configurations } = normalise(MEDIA);
  t.same(
    frames.flatMap(({ keyframe }, i) => (keyframe ? [i] : [])),
    [0, 5],
  );
  for (const { keyframe, body } of frames) t.equal(body[0], keyframe ? 0x91 : 0xa1);
  t.strictSame(configurations, [RECORD]);
});

t.test('temporal delimiters are removed, wherever they are', async (t) => {
  const { frames } = normalise([
    Buffer.concat([DELIMITER, KEY]),
    Buffer.concat([METADATA, DELIMITER, INTER, DELIMITER]),
  ]);
  t.strictSame(frames.map(dataOf), [KEY, Buffer.concat([METADATA, INTER])]);
  t.same(
    frames.map(({ body, dataOffset }) => body.toString('latin1', 1, dataOffset)),
    ['av01', 'av01'],
  );
});

t.test('a tag without a frame is no picture', async (t) => {
  t.equal(normalise([DELIMITER, sequenceOf(KEY), METADATA]).frames.length, 0);
});

t.test('a sequence header in band makes a configuration when none came, and when it changes', async (t) => {
  const without = normalise([KEY, INTER, KEY], Buffer.alloc(0));
  t.equal(without.configurations.length, 1);
  t.ok(without.configurations[0]!.includes(sequenceOf(KEY)));
  const both = normalise([KEY, INTER, OTHER_KEY, INTER, OTHER_KEY]);
  t.equal(both.configurations.length, 2);
  t.ok(both.configurations[1]!.includes(sequenceOf(OTHER_KEY)));
});

t.test('cut units are dropped and counted', async (t) => {
  const { frames, dropped } = normalise([KEY.subarray(0, KEY.length - 1), Buffer.from([0x32]), KEY]);
  t.same([frames.length, dropped], [1, 2]);
});
