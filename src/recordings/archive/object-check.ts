import { createHash } from 'node:crypto';
import type { PartRow } from './object-table.js';

const PLAIN_MD5 = /^[0-9a-f]{32}$/;
const OF_PARTS = /^[0-9a-f]{32}-[0-9]+$/;

/** Comparison of an entity tag with the bytes. `opaque`: it is no checksum of them, as with SSE-KMS. */
export type ObjectCheck = 'same' | 'different' | 'opaque';

/**
 * Compares an entity tag with what was uploaded. S3 gives the MD5 of the MD5s of all parts and their number; some stores
 * the MD5 of the whole object.
 *
 * @param wholeMd5 reads the file and returns its MD5, hexadecimal; called only if needed
 */
export async function checkObject(
  etag: string,
  parts: readonly PartRow[],
  wholeMd5: () => Promise<string>,
): Promise<ObjectCheck> {
  const value = unquoted(etag);
  if (parts.some((part) => unquoted(part.etag) !== part.md5)) return 'opaque';
  if (OF_PARTS.test(value)) {
    const hash = createHash('md5');
    for (const { md5 } of parts) hash.update(Buffer.from(md5, 'hex'));
    return value === `${hash.digest('hex')}-${parts.length}` ? 'same' : 'different';
  }
  if (PLAIN_MD5.test(value)) return value === (await wholeMd5()) ? 'same' : 'different';
  return 'opaque';
}

function unquoted(etag: string): string {
  return etag.replace(/^"|"$/g, '').toLowerCase();
}
