import { readConfig } from '../../../src/config.js';
import { startGateway } from '../../../src/gateway.js';
import { createLog, systemClock } from '../../../src/platform/index.js';

// Gateway that counts as busy all the time, so that delivery processes serve HLS.

const log = createLog('info');
const gateway = await startGateway(readConfig(process.env), {
  clock: systemClock,
  log,
  environment: process.env,
  eventLoopUtilization: () => 1,
});
log.info(gateway.addresses, 'ready');
process.on('SIGTERM', () => void gateway.close().then(() => process.exit(0)));
