/**
 * A process that opens a database as a gateway does and works in it until it is killed:
 *
 *     hold-database DATA_DIR [URL]
 *
 * Prints `open`, or the code and message of the error. Every line on standard input is stored in the table `notes` and
 * printed again once it is safe; at the end of input it closes.
 */
import { createInterface } from 'node:readline';
import { createLog, HeadendError, openDatabase } from '../../src/platform/index.js';

const [dataDir = '', url] = process.argv.slice(2);
try {
  const database = await openDatabase({ dataDir, url }, createLog('silent'));
  await database.sql`create table if not exists notes (text text)`;
  process.stdout.write('open\n');
  for await (const text of createInterface({ input: process.stdin })) {
    await database.sql`insert into notes (text) values (${text})`;
    process.stdout.write(`${text}\n`);
  }
  await database.close();
} catch (error) {
  process.stdout.write(
    `${error instanceof HeadendError ? error.code : 'failed'} ${(error as Error).message}\n`,
  );
  process.exitCode = 1;
}
