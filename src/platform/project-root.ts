import { existsSync } from 'node:fs';
import path from 'node:path';

/** The folder that holds package.json: assets (migrations, the built pages) are found from here, compiled or not. */
export function projectRoot(): string {
  for (let folder = import.meta.dirname; ; folder = path.dirname(folder)) {
    if (existsSync(path.join(folder, 'package.json'))) return folder;
    if (folder === path.dirname(folder)) throw new Error('package.json is missing above this file');
  }
}
