import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import t, { type Test } from 'tap';
import { createVideoNormaliser, type VideoFrame } from '../../../src/media/index.js';
import { run } from '../../support/media/encoder.js';
import { withLength } from '../../support/media/parameter-sets.js';

/** nal_unit_type (ITU-T H.265 table 7-1). */
const NAL = { rasl: 8, cra: 21, idr: 19, vps: 32, pps: 34, delimiter: 35 } as const;
const START_CODE = Buffer.from([0, 0, 0, 1]);
const CODED_FRAMES_X = Buffer.from('\xa3hvc1', 'latin1');
const SEQUENCE_START = Buffer.from('\x90hvc1', 'latin1');
const FRAME_MS = 40;

const typeOf = (unit: Buffer): number => (unit[0]! >> 1) & 0x3f;

/** Encodes HEVC with access unit delimiters. @returns the units of each picture, without the delimiters */
async function encodeHevc(options: string): Promise<Buffer[][]> {
  const args = ['-v', 'error', '-f', 'lavfi', '-i', 'testsrc2=size=128x96:rate=25:duration=2'];
  args.push('-pix_fmt', 'yuv420p', '-c:v', 'libx265', '-preset', 'ultrafast');
  args.push('-x265-params', `log-level=none:aud=1:keyint=10:min-keyint=10:scenecut=0:${options}`);
  const { stdout } = await promisify(execFile)('ffmpeg', [...args, '-f', 'hevc', 'pipe:1'], {
    encoding: 'buffer',
    maxBuffer: 16 << 20,
  });
  return pictures(stdout);
}

function pictures(stream: Buffer): Buffer[][] {
  const found: Buffer[][] = [];
  for (const unit of annexB(stream)) {
    if (typeOf(unit) === NAL.delimiter) found.push([]);
    else found.at(-1)!.push(unit);
  }
  return found;
}

function annexB(stream: Buffer): Buffer[] {
  const units: Buffer[] = [];
  const code = Buffer.from([0, 0, 1]);
  for (let at = stream.indexOf(code); at >= 0; ) {
    const next = stream.indexOf(code, at + 3);
    let end = next < 0 ? stream.length : next;
    while (stream[end - 1] === 0) end--;
    units.push(stream.subarray(at + 3, end));
    at = next;
  }
  return units;
}

type Normalised = { frames: VideoFrame[]; configurations: Buffer[]; dropped: number };

/** Normalises tags of units. @param tags units of each, and the index of their picture */
function normalise(tags: { units: Buffer[]; picture: number }[], record?: Buffer): Normalised {
  const frames: VideoFrame[] = [];
  const configurations: Buffer[] = [];
  const normaliser = createVideoNormaliser('hevc', {
    configuration: (body, dataOffset) => configurations.push(body.subarray(dataOffset)),
    frame: (frame) => frames.push(frame),
    amend(body) {
      frames.at(-1)!.body = body;
      return true;
    },
  });
  const packet = { codec: 'hevc' as const, keyframe: false, compositionTime: 0, dataOffset: 5 };
  if (record) normaliser.configure({ ...packet, body: Buffer.concat([SEQUENCE_START, record]) });
  for (const { units, picture } of tags) {
    const body = Buffer.concat([CODED_FRAMES_X, ...units]);
    normaliser.push({ ...packet, body }, picture * FRAME_MS);
  }
  normaliser.flush(1_000_000);
  return { frames, configurations, dropped: normaliser.dropped };
}

function unitsOf({ body, dataOffset }: VideoFrame): Buffer[] {
  const units: Buffer[] = [];
  for (let at = dataOffset; at < body.length; ) {
    const end = at + 4 + body.readUInt32BE(at);
    units.push(body.subarray(at + 4, end));
    at = end;
  }
  return units;
}

/** Asserts that ffmpeg decodes so many frames without an error. */
async function assertDecodes(t: Test, { frames }: Normalised, expected: number): Promise<void> {
  const file = path.join(t.testdir(), 'out.hevc');
  writeFileSync(file, Buffer.concat(frames.flatMap(unitsOf).flatMap((unit) => [START_CODE, unit])));
  const args = ['-v', 'error', '-xerror', '-f', 'hevc', '-i', file, '-f', 'null', '-progress', '-', '-'];
  const { stdout, stderr } = await run('ffmpeg', args);
  t.equal(stderr, '');
  t.match(stdout, new RegExp(`frame=${expected}\\n`));
}

const CLOSED = await encodeHevc('open-gop=0:bframes=2:slices=2');
const OPEN = await encodeHevc('open-gop=1:bframes=3:b-adapt=0');

const whole = (media: Buffer[][]): { units: Buffer[]; picture: number }[] =>
  media.map((units, picture) => ({ units: units.map(withLength), picture }));
const apart = (media: Buffer[][]): { units: Buffer[]; picture: number }[] =>
  media.flatMap((units, picture) => units.map((unit) => ({ units: [withLength(unit)], picture })));

t.test('pictures with parameter sets in band make a configuration and frames', async (t) => {
  const found = normalise(whole(CLOSED));
  t.equal(found.frames.length, 50);
  t.same(
    found.frames.flatMap(({ keyframe }, i) => (keyframe ? [i] : [])),
    [0, 10, 20, 30, 40],
  );
  t.equal(found.configurations.length, 1);
  const [record] = found.configurations;
  t.equal(record![0], 1);
  for (const set of CLOSED[0]!.filter((unit) => typeOf(unit) >= NAL.vps && typeOf(unit) <= NAL.pps))
    t.ok(record!.includes(set), `with set ${typeOf(set)}`);
  await assertDecodes(t, found, 50);
  t.strictSame(normalise(whole(CLOSED), record).configurations, [record], 'and reads what it writes');
});

t.test('units in tags of their own and start codes make the same frames', async (t) => {
  const expected = normalise(whole(CLOSED)).frames.map(unitsOf);
  const startCodes = CLOSED.map((units, picture) => ({
    units: units.flatMap((unit) => [START_CODE, unit]),
    picture,
  }));
  for (const tags of [apart(CLOSED), startCodes]) {
    const { frames, dropped } = normalise(tags);
    t.strictSame(frames.map(unitsOf), expected);
    t.strictSame(
      frames.map(({ time }) => time),
      expected.map((_, i) => i * FRAME_MS),
    );
    t.equal(dropped, 0);
  }
});

t.test('an open GOP has random access points whose leading pictures are skippable', async (t) => {
  const { frames } = normalise(whole(OPEN));
  const types = frames.map((frame) => Math.min(...unitsOf(frame).map(typeOf)));
  t.ok(types.includes(NAL.cra), 'x265 makes CRA pictures');
  for (const [i, frame] of frames.entries()) {
    t.equal(frame.keyframe, types[i] === NAL.cra || types[i] === NAL.idr || types[i] === NAL.idr + 1);
    t.equal(frame.skippable, types[i] === NAL.rasl || types[i] === NAL.rasl + 1);
  }
  t.ok(frames.some(({ skippable }) => skippable));
});

t.test('a configuration that cannot be read is dropped, and the sets in band are used', async (t) => {
  const { frames, configurations, dropped } = normalise(whole(CLOSED), Buffer.from([1, 2, 3]));
  t.equal(dropped, 1);
  t.equal(configurations.length, 1);
  t.equal(frames.length, 50);
});
