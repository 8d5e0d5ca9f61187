import t from 'tap';
import { writeFragment, writeTrackInit } from '../../../src/media/index.js';
import type { CompletedSegment } from '../../../src/packager/index.js';
import { createLog } from '../../../src/platform/index.js';
import { SpriteMaker } from '../../../src/recordings/sprites/sprite-maker.js';
import { type SpriteJob, SpriteRenderer } from '../../../src/recordings/sprites/sprite-renderer.js';
import type { SpriteTable } from '../../../src/recordings/sprites/sprite-table.js';
import { avcRecord, h264Sps } from '../../support/media/parameter-sets.js';
import { until } from '../../support/until.js';

const KEYFRAME = Buffer.from('a keyframe');

/** Segment of 2 s whose first sample is a keyframe; `run` has a size of its own. */
function segment(msn: number, { width = 640, height = 360, run = 0, sync = true } = {}): CompletedSegment {
  const configuration = avcRecord(h264Sps(width, height));
  const init = writeTrackInit({ kind: 'video', timescale: 1_000, configuration, width, height });
  const sample = { duration: 40, compositionOffset: 80, flags: sync ? 0 : 0x10000, sync };
  const data = [KEYFRAME, Buffer.from('a further frame')];
  const part = writeFragment({
    ...{ trackId: init.trackId, sequence: msn, decodeTime: msn * 2_000 },
    samples: data.map((bytes, index) => ({ ...sample, decodeTime: index * 40, data: bytes })),
  });
  return {
    ...{
      renditionId: `${height}p`,
      init,
      frameRate: 25,
      run,
      msn,
      durationS: 2,
      programDateTimeMs: msn * 2_000,
    },
    ...{ sizeBytes: part.length, parts: [part], slate: undefined },
  };
}

function makerOf(): { maker: SpriteMaker; jobs: SpriteJob[]; times: () => number[][] } {
  const jobs: SpriteJob[] = [];
  const maker = new SpriteMaker('recording', { add: (job) => void jobs.push(job) });
  return { maker, jobs, times: () => jobs.map(({ timesMs }) => timesMs.map((ms) => ms / 1_000)) };
}

t.test('every ten seconds a keyframe becomes a tile, of sheets that grow to a minute', async (t) => {
  const { maker, jobs, times } = makerOf();
  for (let msn = 0; msn < 60; msn++) maker.add(segment(msn));
  t.strictSame(times(), [[0], [10, 20], [30, 40, 50], [60, 70, 80, 90]]);
  maker.flush();
  t.strictSame(times().at(-1), [100, 110], 'the rest at the end');
  const [first, second] = jobs;
  t.equal(first?.media.length, 2, 'an initialization section and a fragment per tile');
  t.ok(first?.media[1]?.includes(KEYFRAME));
  t.notOk(first?.media[1]?.includes('further'), 'nothing but the keyframe');
  t.equal(second?.poster?.[1], second?.media.at(-1), 'the poster is not of the first moment');
  t.equal(jobs[2]?.poster, undefined);
});

t.test('tiles are of the smallest rendition, and each sheet of one encoder run', async (t) => {
  const { maker, jobs, times } = makerOf();
  const small = { width: 320, height: 180 };
  for (let msn = 0; msn < 8; msn++) {
    maker.add(segment(msn));
    maker.add(segment(msn, small));
  }
  maker.add(segment(8, { run: 1, width: 1280, height: 720 }));
  maker.add(segment(10, { run: 1, width: 1280, height: 720 }));
  maker.flush();
  t.strictSame(times(), [[0], [10], [20]]);
  const sizes = jobs.map(
    ({ media }) => media[0]!.length > 0 && media[0]!.equals(segment(0, small).init.data),
  );
  t.strictSame(sizes, [false, true, false]);
});

t.test('a segment that does not begin with a keyframe, or cannot be read, makes no tile', async (t) => {
  const { maker, jobs } = makerOf();
  maker.add(segment(0, { sync: false }));
  maker.add({ ...segment(1), parts: [Buffer.from('no fragment')] });
  maker.add({ ...segment(2), parts: [] });
  maker.flush();
  t.equal(jobs.length, 0);
});

t.test('while the machine is short sheets are left out; a failure costs its own sheet', async (t) => {
  const stored: string[] = [];
  let isShort = true;
  const renderer = new SpriteRenderer({
    pictures: {
      tiles: async (media) => {
        if (media.length === 0) throw new Error('ffmpeg failed');
        return Buffer.from('jpeg');
      },
      poster: async () => Buffer.from('poster'),
    },
    table: {
      append: async (recordingId) => void stored.push(recordingId),
      setPoster: async () => void stored.push('poster'),
    } as Partial<SpriteTable> as SpriteTable,
    isShort: () => isShort,
    log: createLog('silent'),
    signal: new AbortController().signal,
  });
  const job = (recordingId: string, some: Partial<SpriteJob> = {}): void =>
    renderer.add({ recordingId, timesMs: [0], media: [KEYFRAME], poster: undefined, ...some });
  job('left out');
  await renderer.close();
  isShort = false;
  job('failing', { media: [] });
  job('made', { poster: [KEYFRAME] });
  await until('it is stored', () => stored.length === 2);
  t.strictSame(stored, ['made', 'poster']);
});
