import { chmodSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { systemClock } from '../../../src/platform/index.js';
import { ffmpegPlan } from '../../../src/transcode/ffmpeg/ffmpeg-arguments.js';
import { checkFfmpeg, findFfmpeg } from '../../../src/transcode/ffmpeg/ffmpeg-check.js';
import { startFfmpeg } from '../../../src/transcode/ffmpeg/ffmpeg-process.js';
import { encoderArguments } from '../../../src/transcode/ffmpeg/video-encoder.js';
import { chooseLadder, DEFAULT_LADDER } from '../../../src/transcode/hls/ladder.js';
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
  const { version, readableCodecs } = await checkFfmpeg(tool);
  t.match(version, /^\S+$/);
  t.type(readableCodecs.hevc, 'boolean');
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

const VERSIONS: [version: string, libavformat: string, fit: boolean, enhanced: boolean][] = [
  ['4.4.2-0ubuntu0.22.04.1', '58. 76', false, false],
  ['5.0.1', '59. 16', false, false],
  ['5.1.9-0+deb12u1', '59. 27', true, false],
  ['6.0', '60.  3', true, false],
  ['6.1.1-3ubuntu5', '60. 16', true, true],
  ['n7.1', '61.  7', true, true],
  ['N-118488-g1a2b3c4d', '61.  9', true, true],
  ['8.0', '62.  3', true, true],
];

for (const [version, libavformat, fit, enhanced] of VERSIONS) {
  t.test(
    `ffmpeg ${version} is ${fit ? `accepted${enhanced ? ' and reads enhanced RTMP' : ''}` : 'too old'}`,
    async (t) => {
      const path = pretender(t.testdir(), version, libavformat, ENCODERS);
      const check = checkFfmpeg({ path, environment: ENVIRONMENT });
      if (!fit) {
        await t.rejects(check, {
          code: 'ffmpeg_too_old',
          message: `${path} is version ${version}; 5.1 or newer is needed`,
        });
        return;
      }
      t.strictSame(await check, {
        version,
        readableCodecs: { hevc: enhanced, av1: enhanced, vp9: enhanced },
      });
    },
  );
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

t.test('a process that cannot be started ends with a reason and throws nothing', async (t) => {
  for (const file of [
    '/nowhere/ffmpeg',
    t.testdir(),
    path.join(t.testdir({ ffmpeg: 'no program' }), 'ffmpeg'),
  ]) {
    const process = startFfmpeg(
      { path: file, environment: {} },
      {
        inputOptions: ['-f', 'flv'],
        complexFilter: undefined,
        outputs: [{ url: '-', options: ['-f', 'null'] }],
      },
    );
    process.input?.write('x');
    process.kill();
    const exit = await process.exited;
    t.equal(exit.clean, false);
    t.match(exit.message, /spawn|EACCES|ENOENT/);
    t.equal(process.pid, undefined);
  }
});

t.test('a failure contains the last messages of ffmpeg', async (t) => {
  const tool = await findFfmpeg(undefined, ENVIRONMENT);
  const process = startFfmpeg(tool, {
    inputOptions: ['-v', 'warning', '-f', 'flv'],
    complexFilter: undefined,
    outputs: [{ url: '-', options: ['-f', 'null'] }],
  });
  t.ok(process.pid);
  process.input?.end('this is no FLV, and it is long enough to be looked at');
  const exit = await process.exited;
  t.equal(exit.clean, false);
  t.match(exit.message, /^ffmpeg exited with code 1/);
  t.match(exit.lastLines.join('\n'), /FLV header/);
});

t.test('arguments reach ffmpeg unchanged, without a shell', async (t) => {
  const folder = t.testdir();
  const file = path.join(folder, 'ffmpeg');
  writeFileSync(file, '#!/bin/sh\nenv | grep "^HOME=" >&2\nfor a in "$@"; do echo "<$a>" >&2; done\n');
  chmodSync(file, 0o755);
  const odd = ['-metadata', 'title=a b', '-x', '$(id) `id` ; "quoted" \'too\''];
  const process = startFfmpeg(
    { path: file, environment: { PATH: '/usr/bin:/bin' } },
    {
      inputOptions: ['-f', 'flv'],
      complexFilter: "[0:v]select='a+b(c,2)'[v]",
      outputs: [{ url: 'unix:/run/x', options: odd }],
    },
  );
  const { clean, lastLines } = await process.exited;
  t.ok(clean);
  const given = lastLines.filter((line) => line.startsWith('<')).map((line) => line.slice(1, -1));
  t.strictSame(given, [
    ...['-f', 'flv', '-i', 'pipe:0', '-filter_complex', "[0:v]select='a+b(c,2)'[v]"],
    ...[...odd, 'unix:/run/x'],
  ]);
  t.notOk(lastLines.some((line) => line.startsWith('HOME=')));
});

t.test('the arguments of a ladder match its plan', async (t) => {
  const ladder = chooseLadder({
    video: { codec: 'h264', width: 1920, height: 1080, frameRate: 120 },
    audio: { codec: 'aac', channels: 1 },
    rungs: DEFAULT_LADDER.slice(1, 3),
    audioBitrate: 128_000,
    passthrough: true,
    shed: new Set(),
  });
  const software = {
    encoder: 'software',
    preset: 'veryfast',
    threads: 2,
    vaapiDevice: '/dev/dri/renderD128',
  } as const;
  const request = {
    ladder,
    input: { kind: 'flv' } as const,
    encoder: software,
    segmentDuration: 2,
    maxPixels: 9_437_184,
    url: (id: string) => `unix:/run/${id}`,
  };
  const plan = ffmpegPlan(request);
  t.match(
    plan.complexFilter,
    /^\[0:v:0\]select='key\+not\(mod\(n,2\)\)',split=2\[s0\]\[s1\];\[s0\]scale=1280:720/,
  );
  t.strictSame(
    plan.outputs.map(({ url }) => url),
    ['unix:/run/720p', 'unix:/run/480p', 'unix:/run/audio'],
    'without the copied rendition',
  );
  const text = plan.outputs.map(({ options }) => options.join(' '));
  t.match(text[0], /^-map \[v0\] .*-force_key_frames source/);
  t.match(text[2], /-ac 1/);
  for (const output of text) {
    t.match(output, /\+cmaf\+frag_every_frame\+frag_discont\+skip_trailer -use_editlist 0/);
    t.notMatch(output, /-method|http/);
  }
  t.ok(plan.inputOptions.includes('-copyts'));
  t.match(plan.inputOptions.join(' '), /-max_pixels 10027008 /);
  t.notMatch(plan.inputOptions.join(' '), /nobuffer/);

  const video = ladder.video.filter(({ passthrough }) => !passthrough);
  const encoded = { ...ladder, video, keyframes: 'clock', frameStep: 1 } as const;
  const late = ffmpegPlan({ ...request, ladder: encoded, from: 12.5 });
  t.match(late.complexFilter, /^\[0:v:0\]trim=start=12.500,split=2/);
  t.match(
    late.outputs[0]?.options.join(' '),
    /-force_key_frames expr:if\(isnan\(prev_forced_t\),1,gt\(floor/,
  );
  t.match(late.outputs.at(-1)?.options.join(' '), /-af atrim=start=12.500/);

  const vaapi = ffmpegPlan({ ...request, encoder: { ...software, encoder: 'vaapi' } });
  t.match(vaapi.inputOptions.join(' '), /-vaapi_device \/dev\/dri\/renderD128/);
  t.match(vaapi.complexFilter, /format=nv12,hwupload\[v0\]/);
});

t.test('every encoder makes keyframes only where they are forced, and no B-frames', async (t) => {
  for (const encoder of ['nvenc', 'vaapi', 'qsv', 'videotoolbox'] satisfies VideoEncoder[]) {
    const { output } = encoderArguments({
      encoder,
      preset: 'veryfast',
      threads: 2,
      vaapiDevice: '/dev/dri/renderD128',
    });
    t.match(output.join(' '), /-g 600/);
    t.match(output.join(' '), /-bf 0/);
  }
});
