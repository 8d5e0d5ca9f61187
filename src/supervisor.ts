import path from 'node:path';
import { supervise } from './platform/process/supervise.js';

// What scripts/start and the container run: the gateway, started again when it hangs or crashes.
await supervise(
  path.join(import.meta.dirname, `main${path.extname(import.meta.filename)}`),
  process.argv.slice(2),
);
