import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import t, { type Test } from 'tap';
import {
  av1Configuration,
  MatroskaWriter,
  OPUS_RATE,
  opusHead,
  readAv1SequenceHeaderObu,
} from '../../../src/media/index.js';
import { run } from '../../support/media/encoder.js';
import { encodeAv1, obuBytes, temporalUnits } from '../../support/media/rtp/av1-rtp.js';

/** 20 ms of Opus that decode to silence. */
const SILENCE = Buffer.from('f8fffe', 'hex');
const AUDIO_PACKET_MS = 20;

type Packet = { stream_index: number; pts_time: string; size: string; flags: string };

async function packetsOf(file: string): Promise<Packet[]> {
  const args = [
    '-v',
    'error',
    '-show_entries',
    'packet=stream_index,pts_time,size,flags',
    '-of',
    'json',
    file,
  ];
  const { stdout } = await run('ffprobe', args);
  return (JSON.parse(stdout) as { packets: Packet[] }).packets;
}

/** Returns a digest of every decoded frame. */
async function digestsOf(file: string): Promise<string[]> {
  const { stdout } = await run('ffmpeg', ['-v', 'error', '-i', file, '-map', '0:v', '-f', 'framemd5', '-']);
  return stdout
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => line.split(',').at(-1)?.trim() ?? '');
}

/** Writes video with silence from `start` on, ms. */
async function written(t: Test, start: number): Promise<{ encoded: string; file: string; sizes: number[] }> {
  const encoded = await encodeAv1(t, { frameCount: 40 });
  const units = temporalUnits(encoded).map((unit) => Buffer.concat(unit.map((obu) => obuBytes(obu, true))));
  const obu = units[0]?.subarray(0, 13) ?? Buffer.alloc(0);
  const header = readAv1SequenceHeaderObu(obu);
  if (!header) throw new Error('there is no sequence header');
  const writer = new MatroskaWriter([
    {
      ...{ kind: 'video', number: 1, codecId: 'V_AV1', width: 320, height: 180 },
      codecPrivate: av1Configuration(header, obu),
    },
    {
      kind: 'audio',
      number: 2,
      codecId: 'A_OPUS',
      codecPrivate: opusHead(2),
      channels: 2,
      sampleRate: OPUS_RATE,
    },
  ]);
  const bytes = [writer.header()];
  const frame = (track: number, time: number, key: boolean, data: Buffer): void => {
    bytes.push(writer.frame(track, time, key, data.length), data);
  };
  units.forEach((unit, index) => {
    const time = start + (index * 1000) / 30;
    frame(1, time, index % 10 === 0, unit);
    for (
      let audioIndex = Math.ceil((index * 1000) / 30 / AUDIO_PACKET_MS);
      audioIndex * AUDIO_PACKET_MS < ((index + 1) * 1000) / 30;
    )
      frame(2, start + audioIndex++ * AUDIO_PACKET_MS, true, SILENCE);
  });
  const file = path.join(path.dirname(encoded), 'made.mkv');
  writeFileSync(file, Buffer.concat(bytes));
  return { encoded, file, sizes: units.map(({ length }) => length) };
}

t.test('ffmpeg reads written Matroska with the same frames and timestamps', async (t) => {
  const { encoded, file, sizes } = await written(t, 10_000);
  const { stdout } = await run('ffprobe', ['-v', 'error', '-show_streams', '-of', 'json', file]);
  t.match((JSON.parse(stdout) as { streams: object[] }).streams, [
    { codec_name: 'av1', width: 320, height: 180, profile: 'Main', has_b_frames: 0 },
    { codec_name: 'opus', sample_rate: '48000', channels: 2 },
  ]);
  const packets = await packetsOf(file);
  const video = packets.filter(({ stream_index }) => stream_index === 0);
  t.strictSame(
    video.map(({ size }) => Number(size)),
    sizes,
  );
  t.strictSame(
    video.map(({ flags }) => flags.startsWith('K')),
    sizes.map((_, index) => index % 10 === 0),
  );
  for (const [index, { pts_time }] of video.entries())
    if (Math.abs(Number(pts_time) - 10 - index / 30) > 0.0001) t.fail(`frame ${index} at ${pts_time}`);
  const audio = packets.filter(({ stream_index }) => stream_index === 1);
  t.ok(audio.length > 60);
  for (const [index, { pts_time, size }] of audio.entries())
    if (Number(size) !== 3 || Math.abs(Number(pts_time) - 10 - index * 0.02) > 0.0001)
      t.fail(`packet ${index} at ${pts_time}`);
  const frames = await digestsOf(file);
  t.equal(frames.length, 40);
  t.strictSame(frames, await digestsOf(encoded));
});

t.test('timestamps may start at 0, jump and exceed days', async (t) => {
  const head = opusHead(1);
  const writer = new MatroskaWriter([
    { kind: 'audio', number: 1, codecId: 'A_OPUS', codecPrivate: head, channels: 1, sampleRate: OPUS_RATE },
  ]);
  const times = [0, 20, 1_999.9, 5_000, 5_020.5, 4_000, 1_000, 300_000_000.1, 300_000_020];
  const frames = times.flatMap((time) => [writer.frame(1, time, true, SILENCE.length), SILENCE]);
  const file = path.join(t.testdir(), 'made.mka');
  writeFileSync(file, Buffer.concat([writer.header(), ...frames]));
  t.strictSame(
    (await packetsOf(file)).map(({ pts_time }) => Number(pts_time)),
    times.map((time) => time / 1000),
  );
});

t.test('blocks around every size-field length keep their bytes', async (t) => {
  // A codec whose frames ffprobe does not parse.
  const track = { kind: 'video', number: 126, codecId: 'V_FFV1', codecPrivate: Buffer.alloc(0) } as const;
  const writer = new MatroskaWriter([{ ...track, width: 16, height: 16 }]);
  // Block sizes around the limits at which the size field, which includes four bytes of header, grows by a byte.
  const sizes = [1, 121, 122, 123, 124, 16_377, 16_378, 16_379, 16_380, 2_097_146, 2_097_147, 2_097_148];
  const frames = sizes.flatMap((size, i) => [writer.frame(126, i * 20, true, size), Buffer.alloc(size, i)]);
  const file = path.join(t.testdir(), 'made.mkv');
  writeFileSync(file, Buffer.concat([writer.header(), ...frames]));
  const { stdout } = await run('ffmpeg', [
    ...['-v', 'error', '-f', 'matroska', '-i', file, '-c', 'copy', '-f', 'framemd5', '-'],
  ]);
  const found = stdout.split('\n').filter((line) => /^0,/.test(line));
  t.strictSame(
    found.map((line) =>
      line
        .split(',')
        .slice(4)
        .map((field) => field.trim()),
    ),
    sizes.map((size, i) => [String(size), createHash('md5').update(Buffer.alloc(size, i)).digest('hex')]),
  );
});
