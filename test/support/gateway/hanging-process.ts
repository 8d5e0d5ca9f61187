// Process with a watchdog. Arguments: limit in ms, behaviour of the main thread, and optionally a file
// whose absence marks the first start, the only one with that behaviour.
import { pbkdf2Sync } from 'node:crypto';
import { existsSync, writeFileSync } from 'node:fs';
import { startWatchdog } from '../../../src/platform/process/watchdog.js';

const [limitMs = '1000', does = 'idle', lived] = process.argv.slice(2);
startWatchdog({ limitMs: Number(limitMs) });
const isFirst = lived === undefined || !existsSync(lived);
if (lived !== undefined) writeFileSync(lived, '');
console.log(JSON.stringify({ msg: 'ready', pid: process.pid, isFirst }));

function loopForEver(): never {
  for (;;) Math.sqrt(2);
}

// Runs after the watchdog has started.
setTimeout(() => {
  if (!isFirst) return;
  if (does === 'loop') loopForEver();
  else if (does === 'microtasks')
    void (async () => {
      for (;;) await undefined;
    })();
  else if (does === 'native') pbkdf2Sync('a', 'b', 2 ** 31 - 1, 64, 'sha512');
  else if (does === 'crash') process.abort();
  else if (does === 'exit') process.exit(7);
}, 300);
if (does !== 'nothing') setInterval(() => {}, 1_000);
process.on('SIGTERM', () => process.exit(3));
process.once('disconnect', () => process.kill(process.pid, 'SIGKILL'));
process.channel?.unref();
