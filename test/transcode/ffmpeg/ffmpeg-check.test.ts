import { chmodSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { systemClock } from '../../../src/platform/index.js';
import { checkFfmpeg, findFfmpeg } from '../../../src/transcode/ffmpeg/ffmpeg-check.js';
import { createTranscoder, type VideoEncoder } from '../../../src/transcode/index.js';
import { recordLog } from '../../support/fixtures/log-record.js';

const ENVIRONMENT = { PATH: process.env.PATH };

/** A program that answers as an ffmpeg of that kind would. */
function pretender(folder: string, version: string, libavformat: string, encoders: string): string {
  const file = path.join(folder, 'ffmpeg');
  const about = `ffmpeg version ${version} Copyright (c)\\nlibavutil      57. 28.100 / 57. 28.100\\nlibavformat    ${libavformat}.100 / ${libavformat}.100\\n`;
  writeFileSync(
    file,
    `#!/bin/sh\ncase "$*" in *-encoders*) printf '${encoders}' ;; *) printf '${about}' ;; esac\n`,
  );
  chmodSync(file, 0o755);
  return file;
}

const ENCODERS = ' V..... libx264              H.264\\n A..... aac                  AAC\\n';

t.test('the installed ffmpeg is found in PATH and accepted', async (t) => {
  const tool = await findFfmpeg(undefined, ENVIRONMENT);
  t.match(tool.path, /\/ffmpeg$/);
  t.match(await checkFfmpeg(tool), /^\S+$/);
});

t.test('ffmpeg gets only the environment variables that it needs', async (t) => {
  const { environment } = await findFfmpeg(undefined, {
    ...ENVIRONMENT,
    OPERATOR_TOKEN: 's3cret',
    DATABASE_URL: 'x',
  });
  t.strictSame(environment, ENVIRONMENT);
});

t.test('a missing ffmpeg fails with a remedy for the operator', async (t) => {
  const nowhere = {
    code: 'ffmpeg_missing',
    message: /no ffmpeg in PATH: install it .*apt-get install ffmpeg.*FFMPEG_PATH/,
  };
  await t.rejects(findFfmpeg(undefined, { PATH: t.testdir() }), nowhere);
  await t.rejects(findFfmpeg('/nowhere/ffmpeg', ENVIRONMENT), {
    code: 'ffmpeg_missing',
    message: /at \/nowhere\/ffmpeg/,
  });
  await t.rejects(checkFfmpeg({ path: '/bin/true', environment: {} }), {
    code: 'ffmpeg_missing',
    message: /is not ffmpeg/,
  });
  await t.rejects(checkFfmpeg({ path: '/bin/false', environment: {} }), {
    code: 'ffmpeg_missing',
    message: /does not run/,
  });
});

const VERSIONS: [version: string, libavformat: string, fit: boolean][] = [
  ['4.4.2-0ubuntu0.22.04.1', '58. 76', false],
  ['5.0.1', '59. 16', false],
  ['5.1.9-0+deb12u1', '59. 27', true],
  ['6.0', '60.  3', true],
  ['6.1.1-3ubuntu5', '60. 16', true],
  ['n7.1', '61.  7', true],
  ['N-118488-g1a2b3c4d', '61.  9', true],
  ['8.0', '62.  3', true],
];

for (const [version, libavformat, fit] of VERSIONS) {
  t.test(`ffmpeg ${version} is ${fit ? 'accepted' : 'too old'}`, async (t) => {
    const path = pretender(t.testdir(), version, libavformat, ENCODERS);
    const check = checkFfmpeg({ path, environment: ENVIRONMENT });
    if (fit) t.equal(await check, version);
    else
      await t.rejects(check, {
        code: 'ffmpeg_too_old',
        message: `${path} is version ${version}; 5.1 or newer is needed`,
      });
  });
}

t.test('an ffmpeg without libx264 or aac is refused', async (t) => {
  const path = pretender(
    t.testdir(),
    '6.1',
    '60. 16',
    ' V..... libx264rgb           H.264\\n A..... aac_mf               AAC\\n',
  );
  const without = { code: 'ffmpeg_missing', message: /was built without libx264 and aac/ };
  await t.rejects(checkFfmpeg({ path, environment: ENVIRONMENT }), without);
});

for (const videoEncoder of ['nvenc', 'vaapi', 'qsv', 'videotoolbox'] satisfies VideoEncoder[]) {
  t.test(`without a working ${videoEncoder} the software encoder is used, and the log says so`, async (t) => {
    const { log, lines } = recordLog();
    const transcoder = createTranscoder({
      videoEncoder,
      environment: ENVIRONMENT,
      clock: systemClock,
      log,
    });
    t.teardown(() => transcoder.close());
    await transcoder.start();
    const ready = lines().find(({ msg }) => msg === 'transcoder ready');
    if (ready?.encoder === videoEncoder) {
      t.pass(`this machine has ${videoEncoder}`);
      return;
    }
    const warning = lines().find(({ encoder }) => encoder === videoEncoder);
    t.match(warning, {
      level: 40,
      msg: `the hardware encoder ${videoEncoder} does not work here: encoding in software`,
    });
    t.ok(String(warning?.reason).length > 5, String(warning?.reason));
    t.match(ready, { encoder: 'software' });
  });
}
