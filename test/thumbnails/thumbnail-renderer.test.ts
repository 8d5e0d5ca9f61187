import { execFileSync } from 'node:child_process';
import os from 'node:os';
import t from 'tap';
import { renderThumbnail } from '../../src/thumbnails/thumbnail-renderer.js';
import { FakeClock } from '../support/fakes/fake-clock.js';
import { takeScriptPid, writeScript } from '../support/gateway/programs.js';
import { imageProperties } from '../support/media/image-properties.js';
import { until } from '../support/until.js';

const FFMPEG = { path: 'ffmpeg', environment: { PATH: process.env.PATH } };
const neverAborted = new AbortController().signal;
const MAX_PIXELS = 2_073_600;

/** Encodes one keyframe as fragmented MP4. */
function mp4(source: string, ...options: string[]): Buffer {
  return execFileSync('ffmpeg', [
    ...['-v', 'error', '-f', 'lavfi', '-i', source, '-frames:v', '1', ...options],
    ...'-c:v libx264 -preset ultrafast -f mp4 -movflags +empty_moov+default_base_moof+frag_keyframe pipe:1'.split(
      ' ',
    ),
  ]);
}

t.test('a thumbnail is a JPEG at most 640 pixels wide with the display aspect ratio', async (t) => {
  const clock = new FakeClock();
  for (const [media, shape] of [
    [mp4('testsrc2=size=320x180'), 'mjpeg,320,180,1:1'],
    [mp4('testsrc2=size=1280x720'), 'mjpeg,640,360,1:1'],
    [mp4('testsrc2=size=180x320', '-vf', 'format=yuv420p'), 'mjpeg,180,320,1:1'],
    // PAL with pixels for 16:9.
    [mp4('testsrc2=size=720x576', '-vf', 'setsar=64/45'), 'mjpeg,640,360,1:1'],
  ] as const) {
    const chunks = [media.subarray(0, 500), media.subarray(500)];
    const thumbnail = await renderThumbnail(FFMPEG, chunks, {
      clock,
      maxPixels: MAX_PIXELS,
      signal: neverAborted,
    });
    t.equal(await imageProperties(t, thumbnail), shape);
  }
  t.equal(clock.pending, 0);
});

t.test('a picture above the size limit is not decoded', async (t) => {
  const limits = { clock: new FakeClock(), maxPixels: 64_000, signal: neverAborted };
  await t.rejects(renderThumbnail(FFMPEG, [mp4('testsrc2=size=640x360')], limits), { code: 'no_picture' });
  t.ok((await renderThumbnail(FFMPEG, [mp4('testsrc2=size=320x180')], limits)).length > 0);
});

t.test("input that is not video fails with ffmpeg's message", async (t) => {
  const limits = { clock: new FakeClock(), maxPixels: MAX_PIXELS, signal: neverAborted };
  await t.rejects(renderThumbnail(FFMPEG, [Buffer.alloc(5_000, 1)], limits), {
    code: 'no_picture',
    message: /Invalid data/,
  });
  await t.rejects(renderThumbnail(FFMPEG, [], limits), { code: 'no_picture' });
});

t.test('an ffmpeg that is missing, writes nothing or writes without end fails with no_picture', async (t) => {
  const limits = { clock: new FakeClock(), maxPixels: MAX_PIXELS, signal: neverAborted };
  const media = [Buffer.alloc(1_000_000)];
  const run = async (tool: string) =>
    await renderThumbnail({ path: tool, environment: { PATH: process.env.PATH } }, media, limits);
  await t.rejects(run('/nowhere/ffmpeg'), { code: 'no_picture', message: /ENOENT/ });
  await t.rejects(run(writeScript(t, 'exit 0')), { code: 'no_picture', message: /exited with 0/ });
  await t.rejects(run(writeScript(t, 'echo "no such codec" >&2; exit 3')), { message: /no such codec/ });
  await t.rejects(run(writeScript(t, 'exec cat /dev/zero')), { code: 'no_picture', message: /too large/ });
  t.equal(limits.clock.pending, 0);
});

t.test('an ffmpeg that hangs is killed after ten seconds, and at once when aborted', async (t) => {
  const clock = new FakeClock();
  const folder = t.testdir();
  const hanging = {
    path: writeScript(t, `echo $$ >${folder}/pid\nexec sleep 600`),
    environment: FFMPEG.environment,
  };
  const lifetime = new AbortController();
  for (const [stop, message] of [
    [() => clock.advance(10_000), /timed out/],
    [async () => lifetime.abort(), /cancelled/],
  ] as const) {
    const made = renderThumbnail(hanging, [Buffer.alloc(1_000_000)], {
      clock,
      maxPixels: MAX_PIXELS,
      signal: lifetime.signal,
    });
    const outcome = made.then(() => undefined).catch((error: unknown) => error);
    const pid = await takeScriptPid(folder);
    if (clock.pending !== 1) t.fail('no timeout is set');
    await stop();
    t.match(await outcome, { code: 'no_picture', message });
    t.throws(() => process.kill(pid, 0), { code: 'ESRCH' }, 'the process has exited');
  }
  await t.rejects(renderThumbnail(hanging, [], { clock, maxPixels: MAX_PIXELS, signal: lifetime.signal }), {
    code: 'no_picture',
  });
});

t.test('ffmpeg runs at a lower priority than the gateway', async (t) => {
  const folder = t.testdir();
  const lifetime = new AbortController();
  const tool = {
    path: writeScript(t, `echo $$ >${folder}/pid\nexec sleep 600`),
    environment: FFMPEG.environment,
  };
  const made = renderThumbnail(tool, [], {
    clock: new FakeClock(),
    maxPixels: MAX_PIXELS,
    signal: lifetime.signal,
  });
  made.catch(() => {});
  const pid = await takeScriptPid(folder);
  await until('ffmpeg has a lower priority', () => os.getPriority(pid) > os.getPriority());
  lifetime.abort();
  await t.rejects(made);
});
