import t from 'tap';
import { ThumbnailStore } from '../../src/thumbnails/index.js';

const HEAD = Buffer.from([0xff, 0xd8, 0xff, 0xe0]);
const MEGABYTE = 1024 * 1024;

function jpeg(size: number, fill = 0): Buffer {
  return Buffer.concat([HEAD, Buffer.alloc(size - HEAD.length, fill)]);
}

t.test(
  'pictures of broadcasts take the place of those before, and are forgotten with the rest',
  async (t) => {
    const thumbnails = new ThumbnailStore({ folder: t.testdir() });
    thumbnails.capture('a', jpeg(100, 1));
    const first = thumbnails.captured('a');
    thumbnails.capture('a', jpeg(100, 2));
    t.equal(thumbnails.captured('a')?.bytes[50], 2);
    t.not(thumbnails.captured('a')?.version, first?.version);
    thumbnails.capture('a', Buffer.from('no picture'));
    t.equal(thumbnails.captured('a')?.bytes[50], 2, 'what is none changes nothing');
    t.equal(await thumbnails.find('a'), undefined, 'it was not given');
    await thumbnails.remove('a');
    t.equal(thumbnails.captured('a'), undefined);
    thumbnails.capture('a', jpeg(100));
    await thumbnails.keep('a', jpeg(100));
    t.equal(thumbnails.captured('a'), undefined, 'one that is given is enough');
  },
);

t.test('pictures of broadcasts take 64 MB at most; the oldest go first', async (t) => {
  const thumbnails = new ThumbnailStore({ folder: t.testdir() });
  for (let index = 0; index < 64; index++) thumbnails.capture(`${index}`, jpeg(MEGABYTE));
  t.ok(thumbnails.captured('0'));
  // The same again takes no more, and is the newest.
  thumbnails.capture('0', jpeg(MEGABYTE));
  t.ok(thumbnails.captured('1'));
  thumbnails.capture('last', jpeg(100));
  t.equal(thumbnails.captured('1'), undefined);
  await thumbnails.remove('2');
  thumbnails.capture('another', jpeg(MEGABYTE));
  for (const kept of ['0', '3', 'last', 'another']) t.ok(thumbnails.captured(kept), kept);
});
