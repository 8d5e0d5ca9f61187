import { type ChildProcess, spawn } from 'node:child_process';
import { Backoff } from '../backoff.js';
import { pause, systemClock } from '../clock.js';
import { killChild } from './kill-child.js';
import { HANG_SIGNAL } from './watchdog.js';

/** Signals that are forwarded to the program and end the supervision. */
const STOP_SIGNALS = ['SIGHUP', 'SIGINT', 'SIGQUIT', 'SIGTERM'] as const;
const OTHER_SIGNALS = ['SIGUSR1', 'SIGUSR2'] as const;
/**
 * Signals by which a program ends that hung or crashed. SIGKILL is excluded, as it is sent on purpose. Exit codes do not
 * count either: with them the program reports that it cannot run.
 */
const CRASHES: ReadonlySet<NodeJS.Signals> = new Set([
  HANG_SIGNAL,
  'SIGABRT',
  'SIGBUS',
  'SIGFPE',
  'SIGILL',
  'SIGSEGV',
  'SIGTRAP',
]);
const RESTARTS = {
  initialMs: 500,
  maximumMs: 60_000,
  windowMs: 600_000,
  limit: Number.POSITIVE_INFINITY,
};
/** Level `error` of pino. */
const ERROR = 50;

/**
 * Runs a Node program as a child process and restarts it after a hang or crash, with growing delays. Passes standard
 * streams, signals and the exit code through. If the supervisor is killed, the program sees its IPC channel close.
 */
export async function supervise(file: string, args: readonly string[]): Promise<void> {
  const backoff = new Backoff(systemClock, RESTARTS);
  let child: ChildProcess | undefined;
  let isStopping = false;
  for (const signal of STOP_SIGNALS)
    process.on(signal, () => {
      isStopping = true;
      if (child) killChild(child, signal);
      else process.exit(0);
    });
  for (const signal of OTHER_SIGNALS) process.on(signal, () => child && killChild(child, signal));
  for (;;) {
    child = spawn(process.execPath, [...process.execArgv, file, ...args], {
      stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
    });
    const { code, signal } = await exitOf(child);
    child = undefined;
    if (signal === null) process.exit(code ?? 1);
    if (isStopping || !CRASHES.has(signal)) return endBy(signal);
    const delayMs = backoff.failed() ?? RESTARTS.maximumMs;
    log({ signal, delayMs, msg: 'the gateway hung or crashed and is started again' });
    await pause(delayMs);
  }
}

function exitOf(child: ChildProcess): Promise<{ code: number | null; signal: NodeJS.Signals | null }> {
  return new Promise((resolve, reject) => {
    child.once('exit', (code, signal) => resolve({ code, signal }));
    child.once('error', (error) => {
      if (child.pid === undefined) reject(error);
    });
  });
}

/** Ends this process by the signal that ended the program. */
function endBy(signal: NodeJS.Signals): void {
  process.removeAllListeners(signal);
  process.kill(process.pid, signal);
}

function log(fields: Record<string, unknown>): void {
  process.stdout.write(`${JSON.stringify({ level: ERROR, time: systemClock.now(), ...fields })}\n`);
}
