import { execFileSync } from 'node:child_process';
import os from 'node:os';
import t from 'tap';
import { stillPicture } from '../../src/thumbnails/still-picture.js';
import { FakeClock } from '../support/fake-clock.js';
import { until } from '../support/gateway-process.js';
import { pictureShape } from '../support/picture.js';
import { alive, script } from '../support/programs.js';

const FFMPEG = { path: 'ffmpeg', environment: { PATH: process.env.PATH } };
const never = new AbortController().signal;
const MAX_PIXELS = 2_073_600;

/** An MP4 of one keyframe, in fragments. */
function mp4(picture: string, ...options: string[]): Buffer {
  return execFileSync('ffmpeg', [
    ...['-v', 'error', '-f', 'lavfi', '-i', picture, '-frames:v', '1', ...options],
    ...'-c:v libx264 -preset ultrafast -f mp4 -movflags +empty_moov+default_base_moof+frag_keyframe pipe:1'.split(
      ' ',
    ),
  ]);
}

t.test('the picture is a JPEG, at most 640 pixels wide, of the shape that players show', async (t) => {
  const clock = new FakeClock();
  for (const [media, shape] of [
    [mp4('testsrc2=size=320x180'), 'mjpeg,320,180,1:1'],
    [mp4('testsrc2=size=1280x720'), 'mjpeg,640,360,1:1'],
    [mp4('testsrc2=size=180x320', '-vf', 'format=yuv420p'), 'mjpeg,180,320,1:1'],
    // Pixels of PAL, 16:9.
    [mp4('testsrc2=size=720x576', '-vf', 'setsar=64/45'), 'mjpeg,640,360,1:1'],
  ] as const) {
    const halves = [media.subarray(0, 500), media.subarray(500)];
    const picture = await stillPicture(FFMPEG, halves, { clock, maxPixels: MAX_PIXELS, signal: never });
    t.equal(await pictureShape(t, picture), shape);
  }
  t.equal(clock.pending, 0);
});

t.test('a picture that is larger than allowed is not decoded', async (t) => {
  const limits = { clock: new FakeClock(), maxPixels: 64_000, signal: never };
  await t.rejects(stillPicture(FFMPEG, [mp4('testsrc2=size=640x360')], limits), { code: 'no_picture' });
  t.ok((await stillPicture(FFMPEG, [mp4('testsrc2=size=320x180')], limits)).length > 0);
});

t.test('what is no video is told by what ffmpeg says of it', async (t) => {
  const limits = { clock: new FakeClock(), maxPixels: MAX_PIXELS, signal: never };
  await t.rejects(stillPicture(FFMPEG, [Buffer.alloc(5_000, 1)], limits), {
    code: 'no_picture',
    message: /Invalid data/,
  });
  await t.rejects(stillPicture(FFMPEG, [], limits), { code: 'no_picture' });
});

t.test('an ffmpeg that is missing, ends in silence or writes without end makes no picture', async (t) => {
  const limits = { clock: new FakeClock(), maxPixels: MAX_PIXELS, signal: never };
  const media = [Buffer.alloc(1_000_000)];
  const run = async (tool: string) =>
    await stillPicture({ path: tool, environment: { PATH: process.env.PATH } }, media, limits);
  await t.rejects(run('/nowhere/ffmpeg'), { code: 'no_picture', message: /ENOENT/ });
  await t.rejects(run(script(t, 'exit 0')), { code: 'no_picture', message: /ended with 0/ });
  await t.rejects(run(script(t, 'echo "no such codec" >&2; exit 3')), { message: /no such codec/ });
  await t.rejects(run(script(t, 'exec cat /dev/zero')), { code: 'no_picture', message: /too large/ });
  t.equal(limits.clock.pending, 0);
});

t.test(
  'an ffmpeg that hangs is killed after ten seconds, and at once where it is no longer wanted',
  async (t) => {
    const clock = new FakeClock();
    const folder = t.testdir();
    const hanging = {
      path: script(t, `echo $$ >${folder}/pid\nexec sleep 600`),
      environment: FFMPEG.environment,
    };
    const life = new AbortController();
    for (const [stop, message] of [
      [() => clock.advance(10_000), /too long/],
      [async () => life.abort(), /no longer wanted/],
    ] as const) {
      const made = stillPicture(hanging, [Buffer.alloc(1_000_000)], {
        clock,
        maxPixels: MAX_PIXELS,
        signal: life.signal,
      });
      const outcome = made.then(() => undefined).catch((error: unknown) => error);
      const pid = await alive(folder);
      if (clock.pending !== 1) t.fail('its time is not limited');
      await stop();
      t.match(await outcome, { code: 'no_picture', message });
      t.throws(() => process.kill(pid, 0), { code: 'ESRCH' }, 'it is gone');
    }
    await t.rejects(stillPicture(hanging, [], { clock, maxPixels: MAX_PIXELS, signal: life.signal }), {
      code: 'no_picture',
    });
  },
);

t.test('it leaves the processor to others', async (t) => {
  const folder = t.testdir();
  const life = new AbortController();
  const tool = { path: script(t, `echo $$ >${folder}/pid\nexec sleep 600`), environment: FFMPEG.environment };
  const made = stillPicture(tool, [], { clock: new FakeClock(), maxPixels: MAX_PIXELS, signal: life.signal });
  made.catch(() => {});
  const pid = await alive(folder);
  await until('it stands back', () => os.getPriority(pid) > os.getPriority());
  life.abort();
  await t.rejects(made);
});
