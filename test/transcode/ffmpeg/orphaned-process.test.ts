import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { encodeTestMedia } from '../../support/media/flv-media.js';
import { until } from '../../support/until.js';

/** Whether a process runs; one that is dead and was not yet buried by its new parent does not. */
function runs(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  if (process.platform !== 'linux') return true;
  try {
    return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

t.test('a gateway that is killed ends its encoder', async (t) => {
  const video = { width: 640, height: 360, rate: '30', keyframes: 2 };
  const file = `${t.testdir()}/film.flv`;
  await encodeTestMedia({ file, durationS: 4, video, audio: { sampleRate: 44_100, channels: 2 } });
  const script = path.join(
    import.meta.dirname,
    `../../support/gateway/unattended-transcoder${path.extname(import.meta.filename)}`,
  );
  const gateway = spawn(process.execPath, [...process.execArgv, script, file], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.teardown(() => gateway.kill('SIGKILL'));
  const [line] = await once(gateway.stdout, 'data', { signal: AbortSignal.timeout(20_000) });
  const pid = Number(String(line).trim());
  t.teardown(() => {
    if (runs(pid)) process.kill(pid, 'SIGKILL');
  });
  t.ok(runs(pid), 'the encoder works');
  gateway.kill('SIGKILL');
  await once(gateway, 'exit');
  await until('the encoder is gone', () => !runs(pid));
});
