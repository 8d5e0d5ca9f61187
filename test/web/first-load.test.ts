import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import t from 'tap';
import { projectRoot } from '../../src/platform/index.js';

const PAGES = path.join(projectRoot(), '.build', 'web');
const ASSETS = path.join(PAGES, 'assets');
const MAXIMUM_BYTES = 30 * 1024;

const html = readFileSync(path.join(PAGES, 'index.html'), 'utf8');
const linked = [...html.matchAll(/(?:src|href)="[^"]*\/assets\/([^"]+\.(?:js|css))"/g)].map(
  ([, name]) => name ?? '',
);

/** Adds a chunk and all that it imports statically; in another language than English also its texts, which it loads at once. */
function addChunk(name: string, language: string, chunks: Set<string>): void {
  if (chunks.has(name)) return;
  chunks.add(name);
  if (!name.endsWith('.js')) return;
  const text = readFileSync(path.join(ASSETS, name), 'utf8');
  for (const [, imported = ''] of text.matchAll(/(?:from|import)\s*["']\.\/([^"']+\.js)["']/g))
    addChunk(imported, language, chunks);
  // Messages of the gateway are translated when one arrives.
  for (const [, imported = ''] of text.matchAll(/import\(\s*["'`]\.\/(texts-[^"'`]+\.js)["'`]/g))
    if (imported.startsWith(`texts-${language}-`) && !/-(errors|findings)-/.test(imported))
      addChunk(imported, language, chunks);
}

for (const language of ['en', 'de'])
  t.test(`the watch page loads at most 30 KB, compressed, before the players: ${language}`, async (t) => {
    const page = readdirSync(ASSETS).filter((name) => /^watch-page-.*\.js$/.test(name));
    t.equal(page.length, 1, 'the page is a chunk of its own');
    const chunks = new Set<string>();
    for (const name of [...linked, ...page]) addChunk(name, language, chunks);
    const sizes = [...chunks].map((name) => ({
      name,
      bytes: gzipSync(readFileSync(path.join(ASSETS, name))).length,
    }));
    const total = gzipSync(html).length + sizes.reduce((sum, { bytes }) => sum + bytes, 0);
    for (const { name, bytes } of sizes) t.comment(`${name}: ${bytes} bytes`);
    t.ok(total <= MAXIMUM_BYTES, `${(total / 1024).toFixed(1)} KB`);
    t.equal(
      sizes.some(({ name }) => name.startsWith('texts-')),
      language !== 'en',
      'English is a part of the code',
    );
    t.notOk(
      sizes.some(({ name }) => /^(create-player|hls|stats-panel|uPlot)/i.test(name)),
      'players and plots come later',
    );
  });
