import { readFileSync, write } from 'node:fs';
import inspector from 'node:inspector';
import { SourceMap } from 'node:module';
import { fileURLToPath } from 'node:url';
import { parentPort, workerData } from 'node:worker_threads';
import { sleep, systemClock } from '../clock.js';
import { HANG_SIGNAL, SHARED, type WatchdogData } from './watchdog.js';

// Watchdog thread. Measures time by its own ticks, which stop while the whole process is stopped.

const { shared, limitMs, tickMs, logs } = workerData as WatchdogData;
/** Time limit for the stack. The inspector first reports hundreds of scripts, which takes long on a busy machine. */
const STACK_MS = 5_000;
/** Time limit for the log line: standard output may be a pipe without a reader. */
const WRITE_MS = 1_000;
/** Level `fatal` of pino. */
const FATAL = 60;

let seen = Atomics.load(shared, SHARED.beats);
let ticksWithoutBeat = 0;
let isHanging = false;

systemClock.every(tickMs, () => {
  const beats = Atomics.load(shared, SHARED.beats);
  const isAlive = beats !== seen || Atomics.load(shared, SHARED.debugged) === 1;
  seen = beats;
  ticksWithoutBeat = isAlive ? 0 : ticksWithoutBeat + 1;
  if (isHanging || ticksWithoutBeat * tickMs < limitMs) return;
  isHanging = true;
  void endProcess();
});
// Keeps this thread's event loop alive, as its timers are unreferenced; the process does not wait for it.
parentPort?.on('message', () => {});

async function endProcess(): Promise<void> {
  const tooLate = sleep(systemClock, STACK_MS).then(() => undefined);
  if (logs) await report(await Promise.race([stackOfMainThread(), tooLate]));
  process.kill(process.pid, HANG_SIGNAL);
  await sleep(systemClock, WRITE_MS);
  process.kill(process.pid, 'SIGKILL');
}

/** Writes a log line in the format of the logger, which hangs with the main thread. */
async function report(stack: string | undefined): Promise<void> {
  const entry = {
    level: FATAL,
    time: systemClock.now(),
    stack: stack ?? 'unknown: the main thread does not stop for the inspector (native code)',
    msg: `the event loop has hung for ${limitMs / 1_000} s: the process is ended`,
  };
  const written = new Promise<void>((resolve) => {
    write(1, `${JSON.stringify(entry)}\n`, () => resolve());
  });
  await Promise.race([written, sleep(systemClock, WRITE_MS)]);
}

function stackOfMainThread(): Promise<string> {
  const session = new inspector.Session();
  session.connectToMainThread();
  const urls = new Map<string, string>();
  session.on('Debugger.scriptParsed', ({ params }) => urls.set(params.scriptId, params.url));
  return new Promise((resolve) => {
    session.once('Debugger.paused', ({ params }) => {
      const lines = params.callFrames.map((frame) =>
        described(frame, urls.get(frame.location.scriptId) ?? ''),
      );
      resolve(lines.join('\n'));
    });
    session.post('Debugger.enable');
    session.post('Debugger.pause');
  });
}

function described({ functionName, location }: inspector.Debugger.CallFrame, url: string): string {
  const place = sourceOf(url, location.lineNumber, location.columnNumber ?? 0);
  return `    at ${functionName || '<anonymous>'} (${place})`;
}

/** Returns the position in the source by the source map, if there is one. @param line from 0 @param column from 0 */
function sourceOf(url: string, line: number, column: number): string {
  const compiled = `${url}:${line + 1}:${column + 1}`;
  if (!url.startsWith('file:')) return compiled;
  try {
    const map = new SourceMap(JSON.parse(readFileSync(`${fileURLToPath(url)}.map`, 'utf8')));
    const found = map.findEntry(line, column);
    if (!('originalSource' in found)) return compiled;
    const source = fileURLToPath(new URL(found.originalSource, url));
    return `${source}:${found.originalLine + 1}:${found.originalColumn + 1}`;
  } catch {
    return compiled;
  }
}
