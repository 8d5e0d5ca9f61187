import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { run } from '../../support/media/encoder.js';
import { UploadGateway } from '../../support/recordings/upload-gateway.js';

const recordings = t.testdir();
const uploads = await UploadGateway.start(t, {
  RECORDINGS_DIR: recordings,
  LADDER: 'off',
  RECORDING_QUOTA: '0.05',
  UPLOAD_MAX_SIZE: '0.04',
  UPLOAD_MAX_DURATION: '0.1',
});
const folder = path.join(recordings, 'videos');
/** Bytes with the signature of nothing. */
const noise = (length: number) => Buffer.from(Array.from({ length }, (_, index) => (index * 7919) % 251));

/** Makes a film of some seconds by ffmpeg. */
async function film(name: string, durationS: number, further: string[] = []): Promise<string> {
  const file = path.join(recordings, name);
  await run('ffmpeg', [
    ...['-v', 'error', '-y', '-f', 'lavfi', '-i', `testsrc2=size=320x180:rate=25:duration=${durationS}`],
    ...['-c:v', 'libx264', '-preset', 'ultrafast', ...further, file],
  ]);
  return file;
}

t.test(
  'uploads that are empty, too large, too many or over the quota are refused at their start',
  async (t) => {
    const user = { userId: 'boris' };
    t.match(await uploads.announce(0, user), { status: 400, code: 'upload_empty' });
    t.match(await uploads.announce(undefined, user), { status: 400, code: 'upload_length_required' });
    t.match(await uploads.announce(40_000_001, user), { status: 413, code: 'upload_too_large' });
    t.match(await uploads.announce(10, { ...user, visibility: 'secret' }), {
      status: 400,
      code: 'bad_request',
    });
    t.match(await uploads.announce(10, { userId: 'a\0b' }), { status: 400, code: 'bad_request' });
    const first = await uploads.announce(30_000_000, user);
    t.equal(first.status, 201);
    t.match(await uploads.announce(30_000_000, user), { status: 413, code: 'storage_quota_reached' });
    t.equal((await uploads.announce(10, user)).status, 201);
    const { status, videoId } = await uploads.announce(10, user);
    t.equal(status, 201);
    t.match(await uploads.announce(10, user), { status: 429, code: 'too_many_uploads' });

    t.equal((await uploads.append(videoId, 0, noise(11))).status, 413, 'more than announced');
    t.equal((await uploads.append(videoId, 5, noise(5))).status, 409, 'another offset');
    t.equal((await uploads.append(videoId, 0, noise(5))).status, 204);
    t.equal((await uploads.append(videoId, 5, noise(6))).status, 413);
    t.equal((await uploads.find(videoId)).state, 'uploading');
  },
);

type Bad = [name: string, file: () => Promise<string | Buffer>, code: string];
const BAD: Bad[] = [
  ['noise', async () => noise(100_000), 'not_a_video'],
  [
    'a text that lists files',
    async () => Buffer.from("ffconcat version 1.0\nfile '/etc/passwd'\n"),
    'not_a_video',
  ],
  [
    'a playlist of local files',
    async () =>
      Buffer.from(`#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nfile://${recordings}/secret.mp4\n`),
    'not_a_video',
  ],
  [
    'a playlist with a network address',
    async () => Buffer.from(`#EXTM3U\n#EXTINF:9,\n${uploads.gateway.http}/healthz\n#EXT-X-ENDLIST\n`),
    'not_a_video',
  ],
  [
    'sound alone',
    async () => {
      const file = path.join(recordings, 'sound.mp4');
      await run('ffmpeg', ['-v', 'error', '-y', '-f', 'lavfi', '-i', 'sine=duration=2', file]);
      return file;
    },
    'no_picture',
  ],
  ['more hours than allowed', () => film('long.mkv', 400, ['-r', '1', '-crf', '51']), 'too_long'],
  [
    'a movie cut off before its index',
    async () => readFileSync(await film('cut.mp4', 3)).subarray(0, 20_000),
    'not_a_video',
  ],
  [
    'huge pictures',
    () => film('huge.mp4', 1, ['-vf', 'scale=8192:4608', '-r', '1', '-crf', '51']),
    'picture_too_large',
  ],
];

t.test('a file that is no video, or a script, has failed with a reason', async (t) => {
  await film('secret.mp4', 2);
  const before = readdirSync(path.join(folder, 'uploads'));
  for (const [name, make, code] of BAD) {
    const id = await uploads.upload(await make(), { filename: 'film.mp4', userId: name });
    const video = await uploads.untilState(id, 'failed', 'ready');
    t.equal(video.failure?.code, code, `${name}: ${video.failure?.message}`);
    t.notOk(existsSync(path.join(folder, id)), 'no files are left');
  }
  t.strictSame(readdirSync(path.join(folder, 'uploads')), before, 'nor uploaded files');
});

t.test('a movie that is cut off behind its index becomes a video of what is there', async (t) => {
  const whole = readFileSync(await film('start.mp4', 4, ['-g', '25', '-movflags', '+faststart']));
  const id = await uploads.upload(whole.subarray(0, Math.round(whole.length * 0.6)), { userId: 'cut' });
  const { durationS } = await uploads.untilState(id, 'ready');
  t.ok(durationS !== null && durationS > 1 && durationS < 3.5, `${durationS} of 4 s`);
});
