import t from 'tap';
import { AacNormaliser } from '../../../src/media/index.js';
import { type FileTag, readFlv } from '../../support/media/flv-file.js';
import { isConfiguration, withAdts, withoutConfiguration } from '../../support/media/odd-tags.js';

const encode = (rate: number, channels: number): Promise<FileTag[]> =>
  readFlv([
    ...['-f', 'lavfi', '-i', `sine=sample_rate=${rate}:duration=1`, '-ac', String(channels)],
    ...['-c:a', 'aac', '-b:a', '64k'],
  ]);
const STEREO = (await encode(44_100, 2)).filter(({ kind }) => kind === 'audio');
const MONO = (await encode(48_000, 1)).filter(({ kind }) => kind === 'audio');
const FRAMES = STEREO.filter((tag) => !isConfiguration(tag));

type Normalised = {
  configurations: Buffer[];
  frames: { time: number; body: Buffer }[];
  dropped: number;
  configured: boolean;
};

function normalise(tags: readonly FileTag[]): Normalised {
  const configurations: Buffer[] = [];
  const frames: Normalised['frames'] = [];
  const normaliser = new AacNormaliser({
    configuration: (body) => configurations.push(body),
    frame: (body, time) => frames.push({ body, time }),
  });
  for (const tag of tags) {
    const body = Buffer.from(tag.body);
    if (isConfiguration(tag)) normaliser.configure(body);
    else normaliser.push(body, tag.timestamp);
  }
  return { configurations, frames, dropped: normaliser.dropped, configured: normaliser.configured };
}

const expected = FRAMES.map(({ timestamp, body }) => ({ time: timestamp, body }));

t.test('raw frames with a configuration pass unchanged', async (t) => {
  const { configurations, frames } = normalise(STEREO);
  t.strictSame(frames, expected);
  t.strictSame(configurations, [STEREO.find(isConfiguration)!.body]);
});

t.test('a configuration that is repeated is passed on once', async (t) => {
  const [configuration] = STEREO.filter(isConfiguration);
  t.equal(normalise([...STEREO, configuration!, ...FRAMES]).configurations.length, 1);
});

t.test('ADTS frames become raw frames with a configuration', async (t) => {
  const { configurations, frames, dropped } = normalise(withAdts(STEREO));
  t.strictSame(frames, expected);
  t.strictSame(configurations, [STEREO.find(isConfiguration)!.body.subarray(0, 4)]);
  t.equal(dropped, 0);
});

t.test('several ADTS frames in one tag get times of their own', async (t) => {
  const tags = withAdts(STEREO);
  const joined = tags.flatMap((tag, i) =>
    i % 3 === 2
      ? [
          {
            ...tags[i - 2]!,
            body: Buffer.concat([
              tags[i - 2]!.body,
              ...[tags[i - 1]!, tag].map(({ body }) => body.subarray(2)),
            ]),
          },
        ]
      : [],
  );
  const { frames } = normalise(joined);
  t.strictSame(
    frames.map(({ body }) => body),
    expected.slice(0, frames.length).map(({ body }) => body),
  );
  for (const [i, { time }] of frames.entries()) t.ok(Math.abs(time - expected[i]!.time) <= 1, `${time} ms`);
});

t.test('raw frames without a configuration are left out until it comes', async (t) => {
  const without = normalise(withoutConfiguration(STEREO, 'audio'));
  t.same([without.frames.length, without.configured], [0, false]);
  const late = normalise([...FRAMES.slice(0, 10), ...STEREO.filter(isConfiguration), ...FRAMES.slice(10)]);
  t.strictSame(late.frames, expected.slice(10));
});

t.test('a changed ADTS header is believed when the next one confirms it', async (t) => {
  const [stereo, mono] = [withAdts(STEREO), withAdts(MONO)];
  const single = normalise([...stereo.slice(0, 5), mono[0]!, ...stereo.slice(5)]);
  t.equal(single.configurations.length, 1);
  t.equal(single.dropped, 1);
  t.equal(single.frames.length, stereo.length);
  const changed = normalise([...stereo, ...mono]);
  t.equal(changed.configurations.length, 2);
  t.equal(changed.frames.length, stereo.length + mono.length - 1);
});

t.test('cut ADTS frames and configurations are dropped and counted', async (t) => {
  const cut = withAdts(STEREO).map((tag) => ({ ...tag, body: tag.body.subarray(0, tag.body.length - 1) }));
  const { frames, dropped } = normalise(cut);
  t.same([frames.length, dropped], [0, cut.length]);
  t.equal(normalise([{ kind: 'audio', timestamp: 0, body: Buffer.from([0xaf, 0, 0xff]) }]).dropped, 1);
});
