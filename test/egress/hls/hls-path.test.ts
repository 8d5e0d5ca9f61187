import t from 'tap';
import { type HlsPath, parseHlsPath } from '../../../src/egress/hls/hls-path.js';
import { seededRandom } from '../../support/media/seeded-random.js';

/** The same by regular expressions, which are slower. */
const PATH =
  /^(?<streamId>[^/]+)\/(?:index\.m3u8|(?<broadcastId>[^/]+)\/(?<rendition>[^/]+)\/(?<file>[^/]+))$/;
const NUMBER = '(0|[1-9][0-9]{0,9})';
const FILES: [RegExp, (...numbers: number[]) => object][] = [
  [/^index\.m3u8$/, () => ({ name: 'media' })],
  [new RegExp(`^init-${NUMBER}\\.mp4$`), (run) => ({ name: 'init', run })],
  [new RegExp(`^s${NUMBER}\\.m4s$`), (msn) => ({ name: 'segment', msn })],
  [new RegExp(`^p${NUMBER}\\.${NUMBER}\\.m4s$`), (msn, part) => ({ name: 'part', msn, part })],
];

function expected(path: string): HlsPath | undefined {
  const { streamId = '', broadcastId, rendition, file } = PATH.exec(path)?.groups ?? {};
  if (streamId === '') return undefined;
  if (broadcastId === undefined) return { streamId, name: 'multivariant' };
  for (const [pattern, resource] of FILES) {
    const match = pattern.exec(file ?? '');
    if (match)
      return { streamId, broadcastId, rendition, ...resource(...match.slice(1).map(Number)) } as HlsPath;
  }
  return undefined;
}

t.test('each kind of path names its resource', async (t) => {
  for (const path of [
    ...['s/index.m3u8', 's/b/r/index.m3u8', 's/b/r/init-0.mp4', 's/b/r/s12.m4s', 's/b/r/p12.3.m4s'],
    's/b/r/p9999999999.0.m4s',
  ]) {
    t.ok(parseHlsPath(path), path);
    t.strictSame(parseHlsPath(path), expected(path), path);
  }
});

t.test('no other spelling of a path names a resource', async (t) => {
  const random = seededRandom(11);
  const pieces = ['s', 'p', 'init-', 'index.m3u8', '/', '/', '/', '.', '.m4s', '.mp4', '0', '1', '27', '01'];
  pieces.push('12345678901', '-1', '1e1', ' ', '٣', '', 'b', '%2e', '\0');
  let found = 0;
  for (let round = 0; round < 200_000; round++) {
    let path = random() < 0.7 ? 's/b/r/' : '';
    for (let count = Math.floor(random() * 7); count >= 0; count--)
      path += pieces[Math.floor(random() * pieces.length)];
    const wanted = expected(path);
    if (wanted) found++;
    if (JSON.stringify(parseHlsPath(path)) !== JSON.stringify(wanted)) t.fail(JSON.stringify(path));
  }
  t.ok(found > 500, `${found} paths name a resource`);
});
