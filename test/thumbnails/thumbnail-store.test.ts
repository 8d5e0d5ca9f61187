import t from 'tap';
import { ThumbnailStore } from '../../src/thumbnails/index.js';

const HEAD = Buffer.from([0xff, 0xd8, 0xff, 0xe0]);
const MEGABYTE = 1024 * 1024;

function jpeg(size: number, fill = 0): Buffer {
  return Buffer.concat([HEAD, Buffer.alloc(size - HEAD.length, fill)]);
}

t.test('a captured thumbnail replaces the one before, and is removed with the upload', async (t) => {
  const thumbnails = new ThumbnailStore({ folder: t.testdir() });
  thumbnails.capture('a', jpeg(100, 1), 'public');
  const first = thumbnails.captured('a', 'public');
  thumbnails.capture('a', jpeg(100, 2), 'public');
  t.equal(thumbnails.captured('a', 'public')?.bytes[50], 2);
  t.not(thumbnails.captured('a', 'public')?.version, first?.version);
  thumbnails.capture('a', Buffer.from('no picture'), 'public');
  t.equal(thumbnails.captured('a', 'public')?.bytes[50], 2, 'bytes of no image type change nothing');
  t.equal(await thumbnails.findUpload('a'), undefined, 'a capture is not an upload');
  await thumbnails.remove('a');
  t.equal(thumbnails.captured('a', 'public'), undefined);
  thumbnails.capture('a', jpeg(100), 'public');
  await thumbnails.keep('a', jpeg(100));
  t.equal(thumbnails.captured('a', 'public'), undefined, 'an upload drops the capture');
});

t.test(
  'a thumbnail that was captured while its livestream was private is not shown when it is public',
  async (t) => {
    const thumbnails = new ThumbnailStore({ folder: t.testdir() });
    thumbnails.capture('a', jpeg(100, 1), 'private');
    t.ok(thumbnails.captured('a', 'private'));
    for (const visibility of ['public', 'unlisted'] as const) t.notOk(thumbnails.captured('a', visibility));
    thumbnails.capture('a', jpeg(100, 2), 'public');
    for (const visibility of ['public', 'private'] as const) t.ok(thumbnails.captured('a', visibility));
  },
);

t.test('captured thumbnails take at most 64 MB, and the oldest are evicted', async (t) => {
  const thumbnails = new ThumbnailStore({ folder: t.testdir() });
  for (let index = 0; index < 64; index++) thumbnails.capture(`${index}`, jpeg(MEGABYTE), 'public');
  t.ok(thumbnails.captured('0', 'public'));
  // A second capture of one livestream replaces the first, and becomes the newest.
  thumbnails.capture('0', jpeg(MEGABYTE), 'public');
  t.ok(thumbnails.captured('1', 'public'));
  thumbnails.capture('last', jpeg(100), 'public');
  t.equal(thumbnails.captured('1', 'public'), undefined);
  await thumbnails.remove('2');
  thumbnails.capture('another', jpeg(MEGABYTE), 'public');
  for (const kept of ['0', '3', 'last', 'another']) t.ok(thumbnails.captured(kept, 'public'), kept);
});
