import { chmodSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { findFfmpeg } from '../../../src/transcode/ffmpeg/ffmpeg-check.js';
import { startFfmpeg } from '../../../src/transcode/ffmpeg/ffmpeg-process.js';

const ENVIRONMENT = { PATH: process.env.PATH };

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
