import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import t from 'tap';
import type { FlvTag } from '../../../src/media/index.js';
import { tagFraming, tagInput } from '../../../src/transcode/inputs/tag-framing.js';
import { readFlv } from '../../support/media/flv-file.js';
import { encodeBeep } from '../../support/media/rtp/opus-rtp.js';

const H264 = { codec: 'h264', width: 128, height: 96 } as const;

t.test('FLV is chosen for the codecs that each ffmpeg reads in it, Matroska for others', async (t) => {
  const container = (video: 'h264' | 'hevc' | undefined, audio: 'aac' | 'mp3' | 'opus' | undefined) =>
    tagInput(
      { ...(video && { video: { codec: video } }), ...(audio && { audio: { codec: audio } }) },
      'libdav1d',
    );
  t.match(container('h264', 'aac'), { container: 'flv', decoder: undefined });
  t.match(container(undefined, 'mp3'), { container: 'flv' });
  t.match(container('hevc', 'aac'), { container: 'matroska', decoder: undefined });
  t.match(container('h264', 'opus'), { container: 'matroska' });
  t.match(tagInput({ video: { codec: 'av1' } }, 'libdav1d'), { decoder: 'libdav1d' });
});

t.test(
  'reordered pictures keep their presentation times in Matroska, and audio stays beside them',
  async (t) => {
    const source = '-f lavfi -i testsrc2=size=128x96:rate=25 -t 1';
    const coders = '-c:v libx264 -bf 2 -g 25 -pix_fmt yuv420p';
    const read = await readFlv([...source.split(' '), ...coders.split(' ')]);
    const video = read
      .filter(({ kind, body }) => kind === 'video' && body[1]! <= 1)
      .map(({ kind, timestamp, body }): FlvTag => {
        const header = body[1] === 0;
        return { kind, timestamp, body, header, keyframe: body[0] === 0x17 && !header };
      });
    const audio = (await encodeBeep(t)).map((packet, index): FlvTag => {
      const body = Buffer.concat([Buffer.from('\x91Opus', 'latin1'), packet]);
      return { kind: 'audio', timestamp: index * 20, body, header: false, keyframe: false };
    });
    const tags = [...video, ...audio].sort((one, other) => one.timestamp - other.timestamp);
    const framing = tagFraming({
      has: { audio: true, video: true },
      frameRate: 25,
      // Opus would be in the same container: the choice goes by it.
      info: { video: H264, audio: { codec: 'opus', sampleRate: 48_000, channels: 1 } },
      videoHeader: tags.find(({ kind, header }) => kind === 'video' && header),
      audioHeader: undefined,
    });
    const offsetMs = 10_000;
    const bytes = [framing.header(), ...tags.flatMap((tag) => framing.frame(tag, tag.timestamp + offsetMs))];
    const file = path.join(t.testdir(), 'made.mkv');
    writeFileSync(file, Buffer.concat(bytes));
    const entries = ['-show_entries', 'stream=codec_name,avg_frame_rate:packet=stream_index,pts_time,flags'];
    const { stdout } = await promisify(execFile)('ffprobe', ['-v', 'error', ...entries, '-of', 'json', file]);
    const { streams, packets } = JSON.parse(stdout);
    t.match(streams, [{ codec_name: 'h264', avg_frame_rate: '25/1' }, { codec_name: 'opus' }]);
    const times = (index: number): number[] =>
      packets
        .filter(({ stream_index }: { stream_index: number }) => stream_index === index)
        .map(({ pts_time }: { pts_time: string }) => Math.round(Number(pts_time) * 1_000) - offsetMs);
    const composed = video
      .filter(({ header }) => !header)
      .map(({ timestamp, body }) => timestamp + body.readIntBE(2, 3));
    t.strictSame(times(0), composed);
    t.notSame(
      composed,
      composed.toSorted((one, other) => one - other),
      'the pictures are reordered',
    );
    t.strictSame(
      times(1),
      audio.map(({ timestamp }) => timestamp),
    );
  },
);
