// Process with a watchdog. Arguments: limit in ms, behaviour of the main thread, and optionally a file
// whose absence marks the first start, the only one with that behaviour.
import { pbkdf2Sync } from 'node:crypto';
import { existsSync, writeFileSync } from 'node:fs';
import { startWatchdog } from '../../../src/platform/process/watchdog.js';

const [limitMs = '1000', behaviour = 'idle', firstRunFile] = process.argv.slice(2);
process.on('SIGTERM', () => process.exit(3));
startWatchdog({ limitMs: Number(limitMs) });
const isFirst = firstRunFile === undefined || !existsSync(firstRunFile);
if (firstRunFile !== undefined) writeFileSync(firstRunFile, '');
console.log(JSON.stringify({ msg: 'ready', pid: process.pid, isFirst }));

function loopForEver(): never {
  for (;;) Math.sqrt(2);
}

// Runs after the watchdog has started.
setTimeout(() => {
  if (!isFirst) return;
  if (behaviour === 'loop') loopForEver();
  else if (behaviour === 'microtasks')
    void (async () => {
      for (;;) {
        await undefined;
        // Between microtasks the stack has no function of this file: most of the time is spent in one.
        for (let turn = 0; turn < 1_000_000; turn++) Math.sqrt(2);
      }
    })();
  else if (behaviour === 'native') pbkdf2Sync('a', 'b', 2 ** 31 - 1, 64, 'sha512');
  else if (behaviour === 'crash') process.abort();
  else if (behaviour === 'exit') process.exit(7);
}, 300);
if (behaviour !== 'nothing') setInterval(() => {}, 1_000);
process.once('disconnect', () => process.kill(process.pid, 'SIGKILL'));
process.channel?.unref();
