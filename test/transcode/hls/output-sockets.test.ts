import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import t, { type Test } from 'tap';
import {
  encoderPidsOf,
  loopedMedia,
  publishInRealTime,
  startTranscoderFixture,
  untilRenditionHas,
} from '../../support/fixtures/transcoder-fixture.js';
import {
  enhancedRtmpFfmpeg,
  systemFfmpegHasEnhancedRtmp,
} from '../../support/gateway/enhanced-rtmp-ffmpeg.js';

const NOBODY = 65_534;

/** The arguments of a process, as `ps` shows them to everyone. */
function argumentsOf(pid: number): string[] {
  return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
}

/** Tries to connect and to write as a user. @returns `connected` or the error's code */
function attempt(path: string, uid?: number): Promise<string> {
  const program = `require('net').connect(process.argv[1], () => process.exit(0))
    .on('error', ({ code }) => (console.log(code), process.exit(1)))`;
  const user = uid === undefined ? {} : { uid, gid: uid };
  return new Promise((resolve) =>
    execFile(process.execPath, ['-e', program, path], { cwd: '/', ...user }, (error, stdout) =>
      resolve(error ? stdout.trim() : 'connected'),
    ),
  );
}

async function runs(t: Test, ffmpegPath?: string): Promise<void> {
  const { broadcast, subscription, lines } = await startTranscoderFixture(
    t,
    ffmpegPath === undefined ? {} : { ffmpegPath },
  );
  publishInRealTime(t, subscription, await loopedMedia(t));
  await untilRenditionHas(broadcast, 0, '240p', 1);
  const [pid] = encoderPidsOf(lines());
  const paths = argumentsOf(pid ?? 0).flatMap((argument) => /^unix:(.+)$/.exec(argument)?.[1] ?? []);
  t.equal(paths.length, 2, 'one for each encoded rendition');
  t.notMatch(argumentsOf(pid ?? 0).join(' '), /http:|tcp:/);
  for (const path of paths) {
    if (process.getuid?.() === 0) t.equal(await attempt(path, NOBODY), 'EACCES', 'another user');
    t.equal(await attempt(path), 'ENOENT', 'a path works once');
  }
  t.strictSame(
    lines().filter(({ level }) => Number(level) > 30),
    [],
  );
  await untilRenditionHas(broadcast, 0, '180p', 2);
}

const linux = process.platform === 'linux' ? false : 'there is no /proc';

t.test(
  'the arguments of an encoder, which ps shows, do not allow another user to write',
  { skip: linux },
  (t) => runs(t),
);

t.test(
  'the arguments of a newer ffmpeg do not allow another user to write',
  { skip: systemFfmpegHasEnhancedRtmp || linux },
  async (t) => {
    const program = enhancedRtmpFfmpeg(t.testdir());
    if (program === undefined) return t.pass('there is none here: scripts/debian-13 makes one');
    return runs(t, program);
  },
);
