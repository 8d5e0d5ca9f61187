import { createHash } from 'node:crypto';
import t from 'tap';
import { checkObject } from '../../../src/recordings/archive/object-check.js';

const md5 = (bytes: string | Buffer): string => createHash('md5').update(bytes).digest('hex');

t.test('an entity tag says whether an object is what was sent, as far as the store lets it', async (t) => {
  const parts = ['one', 'two'].map((text, index) => ({
    ...{ number: index + 1, etag: `"${md5(text)}"`, md5: md5(text) },
  }));
  const ofParts = md5(Buffer.concat(parts.map((part) => Buffer.from(part.md5, 'hex'))));
  const whole = async (): Promise<string> => md5('onetwo');
  for (const [etag, expected] of [
    [`"${ofParts}-2"`, 'same'],
    [`${ofParts.toUpperCase()}-2`, 'same'],
    [`"${ofParts}-3"`, 'different'],
    [`"${md5('other')}-2"`, 'different'],
    [`"${md5('onetwo')}"`, 'same'],
    [`"${md5('other')}"`, 'different'],
    ['', 'opaque'],
    ['"anything"', 'opaque'],
  ] as const)
    t.equal(await checkObject(etag, parts, whole), expected, etag);
  const encrypted = parts.map((part) => ({ ...part, etag: '"00000000000000000000000000000000"' }));
  t.equal(await checkObject(`"${md5('x')}-2"`, encrypted, whole), 'opaque', 'tags of parts are no checksums');
});
