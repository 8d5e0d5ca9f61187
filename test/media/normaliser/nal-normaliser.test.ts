import t from 'tap';
import { createVideoNormaliser, readFlvVideoTag, type VideoFrame } from '../../../src/media/index.js';
import { type FileTag, readFlv } from '../../support/media/flv-file.js';
import { NAL, nalTypes } from '../../support/media/h264-units.js';
import * as odd from '../../support/media/odd-tags.js';

const SOURCE = ['-f', 'lavfi', '-i', 'testsrc2=size=128x96:rate=25:duration=2', '-pix_fmt', 'yuv420p'];
const H264 = [...SOURCE, '-c:v', 'libx264', '-preset', 'ultrafast', '-g', '10', '-sc_threshold', '0'];
const PLAIN = await readFlv([...H264, '-bf', '0', '-x264-params', 'slices=3']);
const REORDERED = await readFlv([...H264, '-bf', '2', '-x264-params', 'slices=3']);

type Normalised = {
  frames: VideoFrame[];
  /** Configuration records, and the number of frames before each. */
  configurations: { record: Buffer; at: number }[];
  dropped: number;
};

function normalise(tags: readonly FileTag[]): Normalised {
  const frames: VideoFrame[] = [];
  const configurations: Normalised['configurations'] = [];
  const normaliser = createVideoNormaliser('h264', {
    configuration: (body, dataOffset) =>
      configurations.push({ record: body.subarray(dataOffset), at: frames.length }),
    frame: (frame) => frames.push(frame),
    amend(body) {
      frames.at(-1)!.body = body;
      return true;
    },
  });
  for (const { kind, timestamp, body } of tags) {
    const packet = kind === 'video' ? readFlvVideoTag(Buffer.from(body)) : undefined;
    if (packet?.packet === 'configuration') normaliser.configure(packet);
    else if (packet?.packet === 'frame') normaliser.push(packet, timestamp);
  }
  normaliser.flush(1_000_000);
  return { frames, configurations, dropped: normaliser.dropped };
}

const unitsOf = ({ body, time }: VideoFrame): Buffer[] =>
  odd.unitsOf({ kind: 'video', timestamp: time, body });

/** Times, keyframes and slices: all that must not depend on how the units were sent. */
const summary = ({ frames }: Normalised): unknown[] =>
  frames.map((frame) => ({
    time: frame.time,
    compositionTime: frame.compositionTime,
    keyframe: frame.keyframe,
    label: frame.body[0],
    slices: unitsOf(frame)
      .filter((unit) => (unit[0]! & 0x1f) <= NAL.idr)
      .map((unit) => unit.toString('base64')),
  }));

for (const [title, media] of [
  ['without B-frames', PLAIN],
  ['with B-frames', REORDERED],
] as const) {
  const original = normalise(media);

  t.test(`tags that are whole pictures ${title} pass unchanged`, async (t) => {
    const pictures = media.filter(odd.isPicture);
    t.equal(original.frames.length, pictures.length);
    t.ok(original.frames.every(({ body }, i) => body.equals(pictures[i]!.body)));
    t.equal(original.frames.filter(({ keyframe }) => keyframe).length, 5);
    t.equal(original.configurations.length, 1);
    t.equal(original.dropped, 0);
  });

  for (const [kind, change] of [
    ['an SEI and a delimiter in a tag of their own', odd.withSeiApart],
    ['SPS, PPS and IDR picture in three tags', odd.withSetsApart],
    ['slices in tags of their own', odd.withSlicesApart],
    ['start codes in place of lengths', odd.withStartCodes],
    ['keyframes that are labelled as others, and others as keyframes', odd.withWrongLabels],
    ['parameter sets in band without a configuration', odd.withSetsInBand],
    [
      'slices in tags of their own, with start codes',
      (tags: FileTag[]) => odd.withStartCodes(odd.withSlicesApart(tags)),
    ],
    [
      'SPS, PPS and slices in tags of their own',
      (tags: FileTag[]) => odd.withSlicesApart(odd.withSetsApart(tags)),
    ],
  ] as const) {
    t.test(`${kind} become the same pictures ${title}`, async (t) => {
      const found = normalise(change(media));
      t.strictSame(summary(found), summary(original));
      t.equal(found.dropped, 0);
      t.strictSame(
        found.configurations.map(({ at }) => at),
        [0],
        'one configuration, before the pictures',
      );
      t.strictSame(
        found.configurations[0]!.record.subarray(1, 4),
        original.configurations[0]!.record.subarray(1, 4),
        'profile and level',
      );
    });
  }
}

t.test('an SEI in a tag of its own is put in front of its picture', async (t) => {
  const { frames } = normalise(odd.withSeiApart(PLAIN));
  for (const frame of frames.slice(1)) t.same(unitsOf(frame).slice(0, 2), [odd.DELIMITER, odd.SEI]);
});

t.test('pictures that share a tag become frames with times of their own', async (t) => {
  const { frames } = normalise(odd.withPairs(PLAIN));
  t.equal(frames.length, PLAIN.filter(odd.isPicture).length);
  t.same(
    frames.slice(2, 8).map(({ time }) => time),
    [80, 120, 160, 200, 240, 280].map((time) => time),
  );
  t.equal(frames.filter(({ keyframe }) => keyframe).length, 5);
});

t.test('lengths of two bytes become lengths of four bytes', async (t) => {
  const tags = PLAIN.map((tag) => {
    if (tag.kind !== 'video') return tag;
    const body = Buffer.from(tag.body);
    if (odd.isConfiguration(tag)) body[9] = (body[9]! & 0xfc) | 1;
    if (!odd.isPicture(tag)) return { ...tag, body };
    const units = odd
      .unitsOf(tag)
      .flatMap((unit) => [Buffer.from([unit.length >> 8, unit.length & 0xff]), unit]);
    return { ...tag, body: Buffer.concat([body.subarray(0, 5), ...units]) };
  });
  const found = normalise(tags);
  t.strictSame(summary(found), summary(normalise(PLAIN)));
  t.equal(found.configurations[0]!.record[4]! & 3, 3);
});

t.test('a size that changes in band makes a new configuration before its keyframe', async (t) => {
  const portrait = await readFlv([
    ...['-f', 'lavfi', '-i', 'testsrc2=size=96x128:rate=25:duration=1', '-pix_fmt', 'yuv420p'],
    ...['-c:v', 'libx264', '-preset', 'ultrafast', '-bf', '0'],
  ]);
  const { frames, configurations } = normalise(odd.appended(PLAIN, odd.withSetsInBand(portrait), 2_000));
  t.same(
    configurations.map(({ at }) => at),
    [0, 50],
  );
  t.equal(frames[50]?.keyframe, true);
  const [sps] = odd.setsOf(portrait);
  t.ok(configurations[1]!.record.includes(sps!), 'with the new SPS');
});

t.test('an open GOP has one random access point, and says so of the others', async (t) => {
  const media = await readFlv([...H264, '-bf', '3', '-x264-params', 'open-gop=1:bframes=3']);
  const { frames } = normalise(media);
  t.same(
    frames.flatMap(({ keyframe }, i) => (keyframe ? [i] : [])),
    [0],
  );
  t.ok(frames.filter(({ recoveryPoint }) => recoveryPoint === 'open-gop').length >= 3);
});

t.test('intra refresh is a gradual recovery', async (t) => {
  const media = await readFlv([...H264, '-bf', '0', '-x264-params', 'intra-refresh=1']);
  const { frames } = normalise(media);
  t.equal(frames.filter(({ keyframe }) => keyframe).length, 1);
  t.ok(frames.some(({ recoveryPoint }) => recoveryPoint === 'gradual'));
});

t.test('a changed PPS is added to keyframes that do not bring it', async (t) => {
  const [, pps] = odd.setsOf(PLAIN);
  // pic_parameter_set_id 1: the code 010 in place of 1.
  const other = Buffer.from([pps![0]!, 0x50 | (pps![1]! >> 3), ...pps!.subarray(2), 0x80]);
  const keyframes = PLAIN.filter((tag) => odd.isPicture(tag) && nalTypes(odd.unitsOf(tag)).includes(NAL.idr));
  const tags = PLAIN.flatMap((tag) => (tag === keyframes[1] ? [odd.tagOf(tag, [other]), tag] : [tag]));
  const { frames } = normalise(tags);
  const brought = frames
    .filter(({ keyframe }) => keyframe)
    .map((frame) => unitsOf(frame).some((unit) => unit.equals(other)));
  t.same(brought, [false, true, true, true, true]);
});

t.test('bytes that are no NAL units are dropped and counted', async (t) => {
  const broken = PLAIN.map((tag, i) =>
    odd.isPicture(tag) && i % 5 === 0 ? { ...tag, body: Buffer.concat([tag.body, Buffer.alloc(3, 9)]) } : tag,
  );
  const count = broken.filter((tag, i) => tag !== PLAIN[i]).length;
  const { frames, dropped } = normalise(broken);
  t.equal(dropped, count);
  t.equal(frames.length, PLAIN.filter(odd.isPicture).length - count);
});

t.test('parameter sets and SEI without pictures are bounded', async (t) => {
  const first = PLAIN.find(odd.isPicture)!;
  const sei = Buffer.concat([Buffer.from([6, 5, 255, 1]), Buffer.alloc(20_000, 0x55)]);
  const flood = Array.from({ length: 500 }, () => odd.tagOf(first, [sei]));
  const { frames, dropped } = normalise([...PLAIN.filter(odd.isConfiguration), ...flood, first]);
  t.equal(frames.length, 1);
  t.ok(frames[0]!.body.length < first.body.length + (256 << 10) + 1_000);
  t.ok(dropped > 400);
});
