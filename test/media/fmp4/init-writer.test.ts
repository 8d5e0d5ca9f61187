import { execFile } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { createFile, type MP4BoxBuffer } from 'mp4box';
import t, { type Test } from 'tap';
import {
  type FlvTag,
  parseTrackInit,
  readH264Configuration,
  type TrackInit,
  writeFragment,
  writeTrackInit,
} from '../../../src/media/index.js';
import { CopiedTracks } from '../../../src/transcode/hls/copied-tracks.js';
import { CopiedRun } from '../../support/media/copied-run.js';
import { readFlv } from '../../support/media/flv-media.js';

const execute = promisify(execFile);
/** Muxer options of the encoders, with which ffmpeg writes the reference. */
const CMAF =
  '-c copy -copyts -f mp4 -movflags +cmaf+frag_every_frame+frag_discont+skip_trailer -use_editlist 0 -avoid_negative_ts disabled'.split(
    ' ',
  );

type Made = { flv: string; video: FlvTag; audio: FlvTag; tags: FlvTag[] };

/** Encodes half a second by ffmpeg. */
async function make(t: Test, { filter = 'null', channels = 2, sampleRate = 44_100 } = {}): Promise<Made> {
  const flv = path.join(t.testdir(), 'media.flv');
  await execute('ffmpeg', [
    ...['-v', 'error', '-f', 'lavfi', '-i', `testsrc2=size=318x178:rate=30,${filter}`],
    ...['-f', 'lavfi', '-i', `sine=sample_rate=${sampleRate}`, '-t', '0.5', '-c:v', 'libx264', '-bf', '2'],
    ...['-preset', 'ultrafast', '-pix_fmt', 'yuv420p', '-c:a', 'aac', '-ac', String(channels), flv],
  ]);
  const { tags } = readFlv(flv);
  const header = (kind: FlvTag['kind']): FlvTag => {
    const found = tags.find((tag) => tag.kind === kind && tag.header);
    if (!found) throw new Error(`ffmpeg wrote no configuration of ${kind}`);
    return found;
  };
  return { flv, tags, video: header('video'), audio: header('audio') };
}

/** Parses a file by mp4box. */
function parse(bytes: Buffer) {
  const file = createFile();
  file.onError = (module: string, message: string) => {
    throw new Error(`${module}: ${message}`);
  };
  const buffer = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length) as MP4BoxBuffer;
  buffer.fileStart = 0;
  file.appendBuffer(buffer);
  file.flush();
  const track = file.getInfo().tracks[0];
  if (!track) throw new Error('mp4box finds no track');
  return { file, track };
}

/** Content of the first box of a type, wherever it is. */
function boxOf(bytes: Buffer, type: string): Buffer | undefined {
  const at = bytes.indexOf(type, 0, 'latin1');
  return at < 0 ? undefined : bytes.subarray(at + 4, at - 4 + bytes.readUInt32BE(at - 4));
}

/** DecoderSpecificInfo (tag 5) of an esds box: the AudioSpecificConfig. */
function specificInfo(bytes: Buffer): Buffer {
  const esds = boxOf(bytes, 'esds');
  if (!esds) throw new Error('there is no esds');
  const at = esds.indexOf(Buffer.from([5, 0x80, 0x80, 0x80]));
  return esds.subarray(at + 5, at + 5 + esds[at + 4]!);
}

async function reference(flv: string, map: string): Promise<Buffer> {
  const file = `${flv}.${map[2]}.mp4`;
  await execute('ffmpeg', ['-v', 'error', '-i', flv, '-map', map, ...CMAF, file]);
  return readFileSync(file);
}

function videoInit({ video }: Made): TrackInit {
  const configuration = video.body.subarray(5);
  const { width = 0, height = 0, pixelAspect } = readH264Configuration(configuration) ?? {};
  return writeTrackInit({ kind: 'video', timescale: 90_000, configuration, width, height, pixelAspect });
}

for (const [shape, filter] of [
  ['square', 'null'],
  ['wide', 'setsar=64/45'],
  ['unusual', 'setsar=100/99'],
] as const)
  t.test(`the section of H.264 with ${shape} pixels describes what ffmpeg describes`, async (t) => {
    const made = await make(t, { filter });
    const init = videoInit(made);
    const own = parse(init.data).track;
    const theirs = await reference(made.flv, '0:v');
    const { track } = parse(theirs);
    t.match(init, { kind: 'video', width: 318, height: 178, codec: track.codec });
    t.equal(own.codec, track.codec);
    t.strictSame(own.video, track.video);
    t.strictSame([own.track_width, own.track_height], [track.track_width, track.track_height]);
    t.ok(boxOf(init.data, 'avcC')?.equals(boxOf(theirs, 'avcC') ?? Buffer.alloc(0)), 'the same avcC');
    // ffmpeg also writes the box for square pixels.
    if (filter === 'null') t.equal(boxOf(init.data, 'pasp'), undefined);
    else t.ok(boxOf(init.data, 'pasp')?.equals(boxOf(theirs, 'pasp') ?? Buffer.alloc(0)), 'the same pasp');
    t.same(parseTrackInit(init.data), init, 'reading it gives the same');
  });

for (const [channels, sampleRate] of [
  [2, 44_100],
  [1, 48_000],
  [2, 22_050],
] as const)
  t.test(`the section of AAC with ${channels} channels at ${sampleRate} Hz is that of ffmpeg`, async (t) => {
    const made = await make(t, { channels, sampleRate });
    const configuration = made.audio.body.subarray(2);
    const timescale = sampleRate;
    const init = writeTrackInit({ kind: 'audio', timescale, configuration, channels, sampleRate });
    const own = parse(init.data).track;
    const theirs = await reference(made.flv, '0:a');
    const { track } = parse(theirs);
    t.match(init, { kind: 'audio', channels, sampleRate, timescale, codec: 'mp4a.40.2' });
    t.equal(own.codec, track.codec);
    // ffmpeg writes 2 channels for mono, too.
    t.strictSame(own.audio, { ...track.audio, channel_count: channels });
    // ffmpeg appends the absence of SBR to the configuration, which is optional.
    const info = specificInfo(theirs);
    t.ok(specificInfo(init.data).equals(configuration));
    t.ok(configuration.subarray(0, 2).equals(info.subarray(0, 2)), 'the same AudioSpecificConfig');
    t.same(parseTrackInit(init.data), init);
  });

t.test('ffmpeg reads every frame of a copied track where the source has it', async (t) => {
  const made = await make(t);
  const run = new CopiedRun();
  const { video, audio } = made;
  const copied = new CopiedTracks(run, {
    ...{ video: { id: 'video', header: video }, audio: { id: 'audio', header: audio }, offset: 0 },
  });
  for (const tag of made.tags) copied.write(tag);
  copied.end();
  for (const [id, map] of [
    ['video', 'v:0'],
    ['audio', 'a:0'],
  ] as const) {
    const file = path.join(path.dirname(made.flv), `${id}.mp4`);
    const { data, trackId, timescale } = run.inits.get(id)!;
    const samples = run.samplesOf(id);
    const fragments = samples.map((sample, index) =>
      writeFragment({ trackId, sequence: index + 1, decodeTime: sample.decodeTime, samples: [sample] }),
    );
    writeFileSync(file, Buffer.concat([data, ...fragments]));
    const packets = async (source: string) => {
      const args = ['-v', 'warning', '-select_streams', map, '-show_packets'];
      const entries = ['-show_entries', 'packet=pts_time,dts_time,size,flags', '-of', 'json', source];
      const { stdout, stderr } = await execute('ffprobe', [...args, ...entries]);
      t.equal(stderr, '', 'without a warning');
      return (JSON.parse(stdout) as { packets: Record<string, string>[] }).packets;
    };
    const found = await packets(file);
    const expected = await packets(made.flv);
    t.equal(found.length, expected.length);
    for (const [index, packet] of found.entries()) {
      const other = expected[index];
      const apart = (key: string): number => Math.abs(Number(packet[key]) - Number(other?.[key]));
      // Audio is counted in samples, FLV timestamps are rounded to milliseconds.
      // The first frame of video is decoded when it is presented; others follow it as soon as they can.
      const isMoved = id === 'video' && index < 4;
      const isDecodedApart = !isMoved && apart('dts_time') > 0.0011;
      if (apart('pts_time') > 0.0011 || isDecodedApart || packet.size !== other?.size)
        t.fail(`packet ${index} of ${id} is ${JSON.stringify(packet)}, not ${JSON.stringify(other)}`);
      t.equal(packet.flags?.[0], other?.flags?.[0], 'a keyframe or not');
    }
    t.equal(timescale, id === 'video' ? 90_000 : 44_100);
    const decoded = await execute('ffmpeg', ['-v', 'warning', '-i', file, '-f', 'null', '-']);
    t.equal(decoded.stderr, '', `${id} is decoded without a warning`);
  }
});

t.test('a configuration that is none of H.264 is refused', async (t) => {
  const configuration = Buffer.alloc(0);
  t.throws(() => writeTrackInit({ kind: 'video', timescale: 90_000, configuration, width: 16, height: 16 }));
});
