import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import t from 'tap';
import { createVideoNormaliser, type VideoFrame } from '../../../src/media/index.js';

const FRAME_HEAD = Buffer.from('\x91vp09', 'latin1');
const IVF_HEAD_BYTES = 32;
const IVF_FRAME_HEAD_BYTES = 12;

/** Encodes VP9. @returns its frames and superframes */
async function encodeVp9(): Promise<Buffer[]> {
  const args = '-v error -f lavfi -i testsrc2=size=128x96:rate=25:duration=0.4 -pix_fmt yuv420p'.split(' ');
  args.push(...'-c:v libvpx-vp9 -deadline realtime -cpu-used 8 -g 5 -f ivf pipe:1'.split(' '));
  const { stdout } = await promisify(execFile)('ffmpeg', args, { encoding: 'buffer' });
  const frames: Buffer[] = [];
  for (let at = IVF_HEAD_BYTES; at < stdout.length; ) {
    const end = at + IVF_FRAME_HEAD_BYTES + stdout.readUInt32LE(at);
    frames.push(stdout.subarray(at + IVF_FRAME_HEAD_BYTES, end));
    at = end;
  }
  return frames;
}

t.test(
  'keyframes are read from the frame header, the label follows, and other bytes are dropped',
  async (t) => {
    const frames: VideoFrame[] = [];
    const configurations: Buffer[] = [];
    const normaliser = createVideoNormaliser('vp9', {
      configuration: (body) => configurations.push(body),
      frame: (frame) => frames.push(frame),
      amend: () => false,
    });
    const media = await encodeVp9();
    for (const [i, data] of [...media, Buffer.from([0, 1, 2]), Buffer.alloc(0)].entries()) {
      const body = Buffer.concat([FRAME_HEAD, data]);
      normaliser.push({ codec: 'vp9', keyframe: false, compositionTime: 0, body, dataOffset: 5 }, i * 40);
    }
    t.same(configurations, [Buffer.from('\x90vp09', 'latin1')], 'one is made where none was sent');
    t.equal(frames.length, media.length);
    t.equal(normaliser.dropped, 2);
    t.same(
      frames.flatMap(({ keyframe }, i) => (keyframe ? [i] : [])),
      [0, 5],
    );
    for (const { keyframe, body } of frames) t.equal(body[0], keyframe ? 0x91 : 0xa1);
  },
);
