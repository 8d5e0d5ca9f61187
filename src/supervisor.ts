import path from 'node:path';
import { supervise } from './platform/process/supervise.js';

// Entry point of scripts/start and of the container: restarts the gateway after a hang or crash.
await supervise(
  path.join(import.meta.dirname, `main${path.extname(import.meta.filename)}`),
  process.argv.slice(2),
);
