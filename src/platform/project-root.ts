import { existsSync } from 'node:fs';
import path from 'node:path';

/** Returns the folder of package.json, to find migrations and built pages from sources and from compiled files. */
export function projectRoot(): string {
  for (let folder = import.meta.dirname; ; folder = path.dirname(folder)) {
    if (existsSync(path.join(folder, 'package.json'))) return folder;
    if (folder === path.dirname(folder)) throw new Error('package.json is missing above this file');
  }
}
