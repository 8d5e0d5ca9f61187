import { execFileSync } from 'node:child_process';
import path from 'node:path';
import t from 'tap';
import { startGatewayProcess } from '../support/gateway/gateway-process.js';
import { publish, testMedia } from '../support/media/encoder.js';
import { until } from '../support/until.js';

/** Process ids by parent and name, zombies left out. */
function children(parent: number, command = ''): number[] {
  const table = execFileSync('ps', ['-A', '-o', 'pid=,ppid=,stat=,comm='], { encoding: 'utf8' });
  return table
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter(([, ppid, stat]) => Number(ppid) === parent && !stat?.startsWith('Z'))
    .filter(([, , , comm]) => comm?.startsWith(command))
    .map(([pid]) => Number(pid));
}

function isAlive(pid: number): boolean {
  return execFileSync('ps', ['-A', '-o', 'pid=,stat='], { encoding: 'utf8' })
    .split('\n')
    .some((line) => new RegExp(`^\\s*${pid}\\s+[^Z]`).test(line));
}

t.test(
  'a gateway that hangs logs its stack, is restarted with its children, and stops on SIGINT',
  async (t) => {
    const extension = path.extname(import.meta.filename);
    const hangOnSignal = path.join(import.meta.dirname, `../support/gateway/hang-on-signal${extension}`);
    const gateway = await startGatewayProcess(
      t,
      // The next start takes over the embedded PostgreSQL that this one leaves.
      { DATABASE_URL: '', NODE_OPTIONS: `--import=${hangOnSignal}` },
      'src/supervisor',
    );
    const { streamId, rtmp } = await gateway.createLivestream();
    const source = await testMedia(120);
    publish(t, source, rtmp);
    await gateway.untilLive({ streamId });
    const [first = 0] = children(gateway.pid);
    const workers = children(first, 'node');
    const encoders = children(first, 'ffmpeg');
    t.ok(workers.length > 0 && encoders.length > 0, 'WebRTC workers and an ffmpeg run');

    process.kill(first, 'SIGUSR2');
    const readyCount = (): number => gateway.log.filter(({ msg }) => msg === 'ready').length;
    await until('the gateway is ready again', () => readyCount() === 2, 60_000);
    t.match(
      gateway.log.find(({ level }) => level === 60),
      { msg: /event loop has hung for 10 s/, stack: /at process\.hangOnSignal|at hangOnSignal/ },
    );
    t.match(
      gateway.log.find(({ signal }) => signal === 'SIGALRM'),
      { msg: /started again/, delayMs: 500 },
    );
    t.equal((await fetch(`${gateway.http}/healthz`)).status, 200);
    await until('no process of the first run is left', () => ![first, ...workers, ...encoders].some(isAlive));
    t.equal(await gateway.state(streamId), 'reconnecting', 'the broadcast waits for its encoder');
    publish(t, source, `rtmp://127.0.0.1:${gateway.rtmpPort}/live/${rtmp.split('/').at(-1)}`, { startS: 30 });
    await gateway.untilLive({ streamId });

    // Like Ctrl-C: the signal reaches every process of the group.
    const [second = 0] = children(gateway.pid);
    const descendants = [second, ...children(second)];
    process.kill(second, 'SIGINT');
    await gateway.kill('SIGINT');
    t.equal(gateway.exitCode, 0);
    t.equal(gateway.log.at(-1)?.msg, 'stopped');
    t.same(descendants.filter(isAlive), [], 'no process is left');
  },
);
