import { spawnSync } from 'node:child_process';
import t from 'tap';
import { openChromium } from '../../../support/clients/chromium.js';
import { openPage } from '../../../support/clients/pages.js';
import { publishFromPage } from '../../../support/clients/whip-page.js';
import { startGatewayProcess } from '../../../support/gateway/gateway-process.js';
import { until } from '../../../support/until.js';

/** Filters the processes that run; zombies do not count. */
function running(pids: number[]): number[] {
  return pids.filter((pid) => {
    const { stdout } = spawnSync('ps', ['-o', 'stat=', '-p', String(pid)], { encoding: 'utf8' });
    return /^[^ZX]/.test(stdout.trim());
  });
}

t.test('a gateway that is killed leaves no encoder of a WHIP publisher running', async (t) => {
  const gateway = await startGatewayProcess(t);
  const livestream = await gateway.createLivestream();
  const camera = await openPage(t, await openChromium(t, { webrtc: true }));
  await publishFromPage(camera, gateway, livestream.streamKey);
  await gateway.untilLive(livestream);
  const encoders = await gateway.encoderPids();
  t.teardown(() => {
    for (const pid of running(encoders)) process.kill(pid, 'SIGKILL');
  });
  t.ok(encoders.length > 0);
  t.strictSame(running(encoders), encoders);
  const killed = performance.now();
  await gateway.kill('SIGKILL');
  // Without RTCP BYE ffmpeg waits for packets three times for 12 s.
  await until('the encoders have exited', () => running(encoders).length === 0, 8_000);
  t.comment(`they have ended after ${Math.round(performance.now() - killed)} ms`);
});
