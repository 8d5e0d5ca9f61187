import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { projectRoot } from '../platform/index.js';

/** Reads the version of this release. */
export async function releaseVersion(): Promise<string> {
  const file = path.join(projectRoot(), 'package.json');
  return (JSON.parse(await readFile(file, 'utf8')) as { version: string }).version;
}
