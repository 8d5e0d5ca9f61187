import t from 'tap';
import { ThumbnailStore } from '../../src/thumbnails/index.js';

const HEAD = Buffer.from([0xff, 0xd8, 0xff, 0xe0]);
const MEGABYTE = 1024 * 1024;

function jpeg(size: number, fill = 0): Buffer {
  return Buffer.concat([HEAD, Buffer.alloc(size - HEAD.length, fill)]);
}

t.test('a captured thumbnail replaces the one before, and is removed with the upload', async (t) => {
  const thumbnails = new ThumbnailStore({ folder: t.testdir() });
  thumbnails.capture('a', jpeg(100, 1));
  const first = thumbnails.captured('a');
  thumbnails.capture('a', jpeg(100, 2));
  t.equal(thumbnails.captured('a')?.bytes[50], 2);
  t.not(thumbnails.captured('a')?.version, first?.version);
  thumbnails.capture('a', Buffer.from('no picture'));
  t.equal(thumbnails.captured('a')?.bytes[50], 2, 'bytes of no image type change nothing');
  t.equal(await thumbnails.findUpload('a'), undefined, 'a capture is not an upload');
  await thumbnails.remove('a');
  t.equal(thumbnails.captured('a'), undefined);
  thumbnails.capture('a', jpeg(100));
  await thumbnails.keep('a', jpeg(100));
  t.equal(thumbnails.captured('a'), undefined, 'an upload drops the capture');
});

t.test('captured thumbnails take at most 64 MB, and the oldest are evicted', async (t) => {
  const thumbnails = new ThumbnailStore({ folder: t.testdir() });
  for (let index = 0; index < 64; index++) thumbnails.capture(`${index}`, jpeg(MEGABYTE));
  t.ok(thumbnails.captured('0'));
  // A second capture of one livestream replaces the first, and becomes the newest.
  thumbnails.capture('0', jpeg(MEGABYTE));
  t.ok(thumbnails.captured('1'));
  thumbnails.capture('last', jpeg(100));
  t.equal(thumbnails.captured('1'), undefined);
  await thumbnails.remove('2');
  thumbnails.capture('another', jpeg(MEGABYTE));
  for (const kept of ['0', '3', 'last', 'another']) t.ok(thumbnails.captured(kept), kept);
});
