import { readFileSync, writeFileSync } from 'node:fs';
import { Readable } from 'node:stream';
import t, { type Test } from 'tap';
import { CmafScanner, type Sample, type TrackInit, writeFragment } from '../../../src/media/index.js';
import { Movie } from '../../../src/recordings/download/movie.js';
import type { RecordedSegment, RecordingFile } from '../../../src/recordings/index.js';
import { type FilePart, Replay } from '../../../src/recordings/replay/replay.js';
import { run, testMedia } from '../../support/media/encoder.js';
import { flashToBeep } from '../../support/media/flash-and-beep.js';

const ID = '01a22866-7910-728f-9fd8-2c3a032180b3';
const SEGMENT_S = 2;
/** Samples of a fragment. */
const PART_SAMPLES = 10;

/** Files of a recording in memory, written as the packager and the recorder write them, from the output of ffmpeg. */
class RecordedMedia {
  readonly files: RecordingFile[] = [];
  readonly segments: RecordedSegment[] = [];
  readonly bytes = new Map<string, Buffer>();
  frames = { video: 0, audio: 0 };
  readonly #folder: string;

  constructor(t: Test) {
    this.#folder = t.testdir();
  }

  /** @param startS decode time of the first sample */
  async addRun(
    index: number,
    source: string,
    startS: number,
    audio: string[] = ['-c:a', 'copy'],
  ): Promise<void> {
    for (const [kind, args] of [
      ['video', ['-map', '0:v', '-c:v', 'copy', '-video_track_timescale', index === 0 ? '90000' : '12800']],
      ['audio', ['-map', '0:a', ...audio]],
    ] as const) {
      const file = `${this.#folder}/${kind}.mp4`;
      await run('ffmpeg', [
        ...[
          '-v',
          'error',
          '-y',
          '-i',
          source,
          ...args,
          '-output_ts_offset',
          String(startS),
          '-use_editlist',
          '0',
        ],
        ...['-movflags', 'frag_every_frame+empty_moov+default_base_moof+frag_discont', '-f', 'mp4', file],
      ]);
      this.#addFile(index, kind, readFileSync(file));
    }
  }

  #addFile(run: number, kind: 'video' | 'audio', cmaf: Buffer): void {
    const inits: TrackInit[] = [];
    const samples: Sample[] = [];
    new CmafScanner({ init: (one) => inits.push(one), sample: (one) => samples.push(one) }).write(cmaf);
    const init = inits[0]!;
    const number = this.files.length;
    const rendition = kind === 'video' ? 'source' : 'audio';
    this.files.push({
      ...{ number, rendition, kind, run, codec: init.codec, frameRate: null, initBytes: init.data.length },
      msnOffset: 0,
      width: init.kind === 'video' ? init.width : null,
      height: init.kind === 'video' ? init.height : null,
      channels: init.kind === 'audio' ? init.channels : null,
    });
    this.frames[kind] += samples.length;
    const pieces = [init.data];
    let byteOffset = init.data.length;
    const first = samples[0]!.decodeTime;
    // The last frames of audio are part of the last segment of the video.
    const wholeS = (samples.at(-1)!.decodeTime - first) / init.timescale;
    const lastMsn = Math.ceil((wholeS - 0.5) / SEGMENT_S) - 1;
    const segmentOf = (sample: Sample): number =>
      Math.min(lastMsn, Math.floor((sample.decodeTime - first + 1) / init.timescale / SEGMENT_S));
    for (let msn = 0; msn <= lastMsn; msn++) {
      const own = samples.filter((sample) => segmentOf(sample) === msn);
      const parts: Buffer[] = [];
      for (let at = 0; at < own.length; at += PART_SAMPLES)
        parts.push(
          writeFragment({
            ...{ trackId: 1, sequence: 1, decodeTime: own[at]!.decodeTime },
            samples: own.slice(at, at + PART_SAMPLES),
          }),
        );
      const byteLength = parts.reduce((sum, { length }) => sum + length, 0);
      const durationS = own.reduce((sum, { duration }) => sum + duration, 0) / init.timescale;
      this.segments.push({
        ...{ fileNumber: number, msn: run * 100 + msn, byteOffset, byteLength, fragments: parts.length },
        ...{ durationS, decodeTimeS: own[0]!.decodeTime / init.timescale, programDateTimeMs: 0 },
      });
      pieces.push(...parts);
      byteOffset += byteLength;
    }
    this.bytes.set(`${rendition}-${run}`, Buffer.concat(pieces));
  }

  async open(part?: number): Promise<Movie> {
    const segments = this.segments.toSorted((a, b) => a.msn - b.msn);
    const read = async ({ rendition, run: index, byteOffset, byteLength }: FilePart): Promise<Readable> => {
      const whole = this.bytes.get(`${rendition}-${index}`)!.subarray(byteOffset, byteOffset + byteLength);
      // Chunks that end anywhere.
      const chunks = [];
      for (let at = 0; at < whole.length; at += 10_007) chunks.push(whole.subarray(at, at + 10_007));
      return Readable.from(chunks);
    };
    return await Movie.open(new Replay(ID, this.files, segments), 'source', part, read);
  }
}

async function bytesOf(movie: Movie, first = 0, last = movie.sizeBytes - 1): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of movie.bytes(first, last)) chunks.push(chunk);
  return Buffer.concat(chunks);
}

type Packet = { stream: number; ptsS: number; dtsS: number };

async function packetsOf(file: string): Promise<Packet[]> {
  const { stdout } = await run('ffprobe', [
    ...['-v', 'error', '-show_entries', 'packet=stream_index,pts_time,dts_time', '-of', 'csv=p=0', file],
  ]);
  return stdout
    .trim()
    .split('\n')
    .map((line) => line.split(',').map(Number))
    .map(([stream = 0, ptsS = 0, dtsS = 0]) => ({ stream, ptsS, dtsS }));
}

t.test('runs of other picture sizes and timescales are one movie on one timeline', async (t) => {
  const media = new RecordedMedia(t);
  await media.addRun(0, await testMedia(7), 10);
  await media.addRun(1, await testMedia(6, { size: '320x180', rate: '25' }), 100);
  const movie = await media.open();
  const whole = await bytesOf(movie);
  t.equal(whole.length, movie.sizeBytes, 'the size is known before anything is read');
  const folder = t.testdir();
  const file = `${folder}/movie.mp4`;
  writeFileSync(file, whole);

  const decoded = await run('ffmpeg', ['-v', 'error', '-xerror', '-i', file, '-f', 'null', '-']);
  t.equal(decoded.stderr, '', 'every frame can be decoded');
  const packets = await packetsOf(file);
  for (const [stream, kind] of ['video', 'audio'].entries()) {
    const own = packets.filter((packet) => packet.stream === stream);
    t.equal(own.length, media.frames[kind as 'video' | 'audio'], `${kind}: no frame is missing`);
    t.ok(
      own.every(({ dtsS }, index) => index === 0 || dtsS > own[index - 1]!.dtsS),
      `${kind}: decode times rise`,
    );
    t.ok(own[0]!.dtsS < 0.1, `${kind}: starts at ${own[0]!.dtsS}`);
    const gaps = own.map(({ dtsS }, index) => (index === 0 ? 0 : dtsS - own[index - 1]!.dtsS));
    t.ok(Math.max(...gaps) < 0.1, `${kind}: no gap between the runs: ${Math.max(...gaps)} s`);
  }
  const { stdout } = await run('ffprobe', [
    ...['-v', 'error', '-show_entries', 'format=duration:stream=codec_name', '-of', 'csv=p=0', file],
  ]);
  t.match(stdout, /^h264\naac\n13\.[01]/, 'one track of each, and the whole duration');
  // The measurement needs pictures of one size.
  const scaled = `${folder}/scaled.mp4`;
  await run('ffmpeg', [
    ...['-v', 'error', '-copyts', '-i', file, '-vf', 'scale=320:180', '-vsync', 'passthrough'],
    ...['-c:v', 'libx264', '-preset', 'ultrafast', '-c:a', 'copy', '-use_editlist', '0', scaled],
  ]);
  const offsets = await flashToBeep(scaled);
  t.ok(offsets.length >= 11, `${offsets.length} beeps`);
  t.ok(
    Math.max(...offsets) - Math.min(...offsets) < 0.02,
    `sound and picture keep their distance: ${offsets}`,
  );

  const seek = ['-v', 'error', '-ss', '11', '-i', file, '-frames:v', '1', '-f', 'null', '-'];
  t.equal((await run('ffmpeg', seek)).stderr, '', 'players can seek');
});

t.test('any range of a movie has the bytes of the whole', async (t) => {
  const media = new RecordedMedia(t);
  await media.addRun(0, await testMedia(7), 10);
  const movie = await media.open();
  const whole = await bytesOf(movie);
  const middle = Math.floor(whole.length / 2);
  for (const [first, last] of [
    [0, 0],
    [0, 2_000],
    [middle, whole.length - 1],
    [middle, middle],
    [middle - 70_001, middle + 12_345],
    [whole.length - 1, whole.length - 1],
  ] as const) {
    const part = await bytesOf(movie, first, last);
    t.ok(part.equals(whole.subarray(first, last + 1)), `${first}-${last}`);
  }
  t.equal((await media.open()).etag, movie.etag, 'its entity tag stays the same');
  t.equal(whole.readUInt32BE(whole.indexOf('stsd') + 8), 1, 'one sample description where nothing changes');
});

t.test('a damaged file ends a download instead of giving wrong bytes', async (t) => {
  const media = new RecordedMedia(t);
  await media.addRun(0, await testMedia(7), 10);
  const movie = await media.open();
  const { byteOffset, byteLength } = media.segments[1]!;
  media.bytes.get('source-0')!.fill(0, byteOffset, byteOffset + byteLength);
  await t.rejects(bytesOf(movie), { code: 'recording_damaged' });
});

t.test('a recording whose sound changes its sample rate is downloaded in parts', async (t) => {
  const media = new RecordedMedia(t);
  await media.addRun(0, await testMedia(7), 10);
  await media.addRun(1, await testMedia(6), 100, ['-c:a', 'aac', '-ar', '48000']);
  await t.rejects(media.open(), { status: 409, code: 'recording_format_changed', details: { parts: 2 } });
  await t.rejects(media.open(3), { status: 404, code: 'rendition_not_found' });
  for (const [part, durationS] of [
    [1, 7],
    [2, 6],
  ] as const) {
    const file = `${t.testdir()}/movie.mp4`;
    writeFileSync(file, await bytesOf(await media.open(part)));
    t.equal((await run('ffmpeg', ['-v', 'error', '-xerror', '-i', file, '-f', 'null', '-'])).stderr, '');
    const { stdout } = await run('ffprobe', [
      ...['-v', 'error', '-show_entries', 'format=duration', '-of', 'csv=p=0', file],
    ]);
    t.ok(Math.abs(Number(stdout) - durationS) < 0.2, `part ${part}: ${stdout.trim()} s`);
  }
});
