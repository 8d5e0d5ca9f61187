import type { DestinationStream } from 'pino';
import { configHelp, readConfig } from './config.js';
import { startGateway } from './gateway.js';
import { createLog, HeadendError, startWatchdog, systemClock } from './platform/index.js';

/** Time limit of an orderly stop. */
const EXIT_DEADLINE_MS = 20_000;
/**
 * Time after the first signal within which further ones are ignored; a later one ends the process at once. Terminals and
 * service managers signal the gateway and its supervisor, which forwards the signal.
 */
const DUPLICATE_SIGNAL_MS = 1_000;

if (process.argv.includes('--help') || process.argv.includes('-h')) {
  process.stdout.write(configHelp());
  process.exit(0);
}

try {
  const config = readConfig(process.env);
  const log = createLog(config.logLevel, process.stdout.isTTY ? await terminalLog() : undefined);
  // When the supervisor was killed, the gateway is killed too.
  process.once('disconnect', () => process.kill(process.pid, 'SIGKILL'));
  process.channel?.unref();
  const gateway = await startGateway(config, { clock: systemClock, log, environment: process.env });
  log.info(gateway.addresses, 'ready');
  if (gateway.welcome.isFirstRun || process.stderr.isTTY) process.stderr.write(gateway.welcome.text);
  // Started last: the start compiles schemas synchronously, which takes seconds on a busy machine.
  startWatchdog({ logs: log.isLevelEnabled('fatal') });

  let stoppingSince: number | undefined;
  const stop = (exitCode: number): void => {
    const now = systemClock.monotonic();
    if (stoppingSince !== undefined) {
      if (now - stoppingSince > DUPLICATE_SIGNAL_MS) process.exit(exitCode);
      return;
    }
    stoppingSince = now;
    systemClock.after(EXIT_DEADLINE_MS, () => process.exit(1));
    gateway.close().then(
      () => {
        log.info('stopped');
        process.exit(exitCode);
      },
      (error: unknown) => {
        log.fatal({ err: error }, 'the gateway did not stop cleanly');
        process.exit(1);
      },
    );
  };
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.on(signal, () => {
      log.info({ signal }, 'stopping');
      stop(0);
    });
  void gateway.failed.then((error) => {
    log.fatal({ err: error }, 'the gateway cannot continue');
    stop(1);
  });
} catch (error) {
  const known = error instanceof HeadendError;
  process.stderr.write(`headend: ${known ? error.message : ((error as Error).stack ?? String(error))}\n`);
  process.exit(1);
}

/** Writes log lines as text for people; synchronously, so that nothing is lost when the process ends. */
async function terminalLog(): Promise<DestinationStream> {
  const { default: pretty } = await import('pino-pretty');
  return pretty({ sync: true, colorize: true, translateTime: 'SYS:HH:MM:ss.l' });
}
