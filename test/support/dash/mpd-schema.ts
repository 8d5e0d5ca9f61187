import { spawnSync } from 'node:child_process';
import path from 'node:path';
import t from 'tap';
import { projectRoot } from '../../../src/platform/index.js';

const SCHEMA = path.join(projectRoot(), 'test/support/dash/mpd.xsd');

/**
 * Checks a DASH presentation description by the schema, with xmllint (libxml2). Where that is not installed nothing is checked.
 *
 * @throws with the faults
 */
export function checkMpd(mpd: string): void {
  const { error, status, stderr } = spawnSync('xmllint', ['--noout', '--nonet', '--schema', SCHEMA, '-'], {
    input: mpd,
    encoding: 'utf8',
  });
  if (error) t.comment('xmllint is not installed: descriptions are not checked by their schema');
  else if (status !== 0) throw new Error(`not as the schema says: ${stderr}\n${mpd}`);
}
