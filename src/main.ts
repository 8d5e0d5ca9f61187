import { configHelp, readConfig } from './config.js';
import { startGateway } from './gateway.js';
import { createLog, HeadendError, systemClock } from './platform/index.js';

/** Second signals end the process at once; the first gives every broadcast time to be put down in order. */
const EXIT_DEADLINE_MS = 20_000;

if (process.argv.includes('--help') || process.argv.includes('-h')) {
  process.stdout.write(configHelp());
  process.exit(0);
}

try {
  const config = readConfig(process.env);
  const log = createLog(config.logLevel);
  const gateway = await startGateway(config, { clock: systemClock, log });
  if (gateway.newOperatorToken)
    process.stderr.write(
      `\n  The operator token, shown this once (kept in ${config.dataDir}):\n\n      ${gateway.newOperatorToken}\n\n`,
    );
  log.info(gateway.addresses, 'ready');

  const stop = (signal: NodeJS.Signals): void => {
    for (const other of ['SIGINT', 'SIGTERM'] as const) process.removeListener(other, stop);
    log.info({ signal }, 'stopping');
    systemClock.after(EXIT_DEADLINE_MS, () => process.exit(1));
    gateway.close().then(
      () => process.exit(0),
      (error: unknown) => {
        log.fatal({ err: error }, 'the gateway did not stop cleanly');
        process.exit(1);
      },
    );
  };
  process.on('SIGINT', stop).on('SIGTERM', stop);
} catch (error) {
  const known = error instanceof HeadendError;
  process.stderr.write(`headend: ${known ? error.message : ((error as Error).stack ?? String(error))}\n`);
  process.exit(1);
}
