import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { projectRoot } from '../src/platform/index.js';

/** Modules that a module may import. Whatever is not listed is forbidden. Ingest and egress are listed by protocol. */
const ALLOWED_IMPORTS: Record<string, string[]> = {
  platform: [],
  media: [],
  accounts: ['platform'],
  streams: ['media', 'platform'],
  webrtc: ['media', 'platform'],
  sockets: ['accounts', 'platform'],
  'socket-signalling': ['sockets', 'accounts', 'streams', 'webrtc', 'media', 'platform'],
  chat: ['sockets', 'accounts', 'streams', 'platform'],
  audience: ['sockets', 'accounts', 'streams', 'platform'],
  webhooks: ['streams', 'platform'],
  'ingest/whip': ['streams', 'webrtc', 'media', 'platform'],
  'egress/whep': ['streams', 'webrtc', 'media', 'platform'],
  'ingest/rtmp': ['streams', 'media', 'platform'],
  transcode: ['streams', 'media', 'platform'],
  packager: ['streams', 'media', 'platform'],
  thumbnails: ['streams', 'packager', 'media', 'platform'],
  'egress/hls': ['streams', 'packager', 'media', 'platform'],
  api: ['accounts', 'streams', 'audience', 'chat', 'webhooks', 'thumbnails', 'platform'],
};

/** The composition root and the process; `gateway/` and `config/` belong to them. They may import every module. */
const ROOT_FILES = /^(gateway|main|supervisor|config)\.ts$|^(gateway|config)\//;
/** Browser code: the server never imports it, and it imports only types of the API's contract. */
const PAGES = 'web/';
const TOP_LEVEL = new Set(
  'package.json package-lock.json tsconfig.json biome.json knip.json src scripts migrations test nginx Dockerfile README.md LICENSE'.split(
    ' ',
  ),
);
const MAXIMUM_LINES = 400;
const MAXIMUM_MEDIAN_LINES = 90;
const MAXIMUM_FILES_PER_FOLDER = 20;
/** Metaphors that the glossary in src/README.md replaced; each has no other meaning in this field. */
const REPLACED_NOUNS = /\b(hall|doorkeeper|departures|farewell|stubborn|lonely)\b/i;
const RIDDLE = /^\s*(?:\/\*\*|\*|\/\/)\s*(What|Who|Whoever|Whatever|Somebody|Nobody|Everybody)\b/m;

const root = projectRoot();

function sourcesIn(folder: string): { file: string; text: string }[] {
  return readdirSync(path.join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((file) => /\.tsx?$/.test(file))
    .map((file) => ({ file, text: readFileSync(path.join(root, folder, file), 'utf8') }));
}

const everySource = sourcesIn('src');
const serverSources = everySource.filter(({ file }) => !file.startsWith(PAGES) && !file.endsWith('.d.ts'));
const pageSources = everySource.filter(({ file }) => file.startsWith(PAGES));

function moduleOf(file: string): string | undefined {
  return Object.keys(ALLOWED_IMPORTS).find((name) => file.startsWith(`${name}/`));
}

function importsOf(text: string): string[] {
  return [...text.matchAll(/(?:from|import)\s*\(?\s*'([^']+)'/g)].map((match) => match[1] ?? '');
}

t.test('every server file belongs to a module or to the composition root', async (t) => {
  for (const name of ['webrtc', 'webhooks'])
    t.ok(
      serverSources.some(({ file }) => file.startsWith(`${name}/`)),
      `${name} is checked`,
    );
  for (const { file } of serverSources) t.ok(moduleOf(file) ?? ROOT_FILES.test(file), file);
});

t.test('a module imports another one only as the table allows, and by its index', async (t) => {
  for (const { file, text } of serverSources) {
    const module = moduleOf(file);
    if (!module) continue;
    for (const specifier of importsOf(text)) {
      if (!specifier.startsWith('.')) continue;
      const target = path.join(path.dirname(file), specifier);
      if (target.startsWith(`${module}/`)) continue;
      const imported = moduleOf(target);
      t.ok(
        imported !== undefined &&
          ALLOWED_IMPORTS[module]?.includes(imported) &&
          target === `${imported}/index.js`,
        `${file} may not import ${specifier}`,
      );
    }
  }
});

t.test('the pages import nothing of the server but the types of its contract', async (t) => {
  t.ok(pageSources.length > 0, 'there are pages');
  for (const { file, text } of pageSources) {
    for (const match of text.matchAll(/^import (type )?[^;]*?from '(\.[^']+)'/gms)) {
      const target = path.join(path.dirname(file), match[2] ?? '');
      if (target.startsWith(PAGES)) continue;
      t.ok(target === 'api/contract.js' && match[1] === 'type ', `${file} may not import ${match[2]}`);
    }
  }
});

t.test('the process environment is read by the configuration alone', async (t) => {
  for (const { file, text } of serverSources) {
    if (file === 'config.ts' || file === 'main.ts') continue;
    t.notMatch(text, /process\.env\b/, file);
  }
});

t.test('time comes from the injected clock, so that tests control it', async (t) => {
  for (const { file, text } of serverSources) {
    if (file === 'platform/clock.ts') continue;
    t.notMatch(text, /(?<![.\w])(setTimeout|setInterval)\(|\bDate\.now\(|performance\.now\(/, file);
  }
});

t.test(
  'the error for an unknown livestream is built in one place, so that all of them are alike',
  async (t) => {
    const builders = serverSources.filter(({ text }) =>
      /PublicError\(\s*404,\s*'stream_not_found'/.test(text),
    );
    t.same(
      builders.map(({ file }) => file),
      ['platform/error.ts'],
    );
  },
);

t.test('files and folders stay within the limits of length and count', async (t) => {
  const lengths: number[] = [];
  for (const folder of ['src', 'test']) {
    for (const { file, text } of sourcesIn(folder)) {
      const lines = text.split('\n').length - 1;
      if (folder === 'src') lengths.push(lines);
      t.ok(lines <= MAXIMUM_LINES, `${folder}/${file} has ${lines} lines`);
    }
    const entries = readdirSync(path.join(root, folder), { recursive: true, withFileTypes: true });
    const counts = new Map<string, number>();
    for (const entry of entries)
      if (entry.isFile()) counts.set(entry.parentPath, (counts.get(entry.parentPath) ?? 0) + 1);
    for (const [parent, count] of counts)
      t.ok(count <= MAXIMUM_FILES_PER_FOLDER, `${path.relative(root, parent)} has ${count} files`);
  }
  const median = lengths.sort((a, b) => a - b)[Math.floor(lengths.length / 2)] ?? 0;
  t.ok(median <= MAXIMUM_MEDIAN_LINES, `the median file has ${median} lines`);
});

t.test('identifiers, comments and file names use the terms of the glossary', async (t) => {
  for (const folder of ['src', 'test', 'scripts']) {
    for (const { file, text } of sourcesIn(folder)) {
      if (file === 'architecture.test.ts') continue;
      t.notMatch(file.replace(/[-_]/g, ' '), REPLACED_NOUNS, `name of ${folder}/${file}`);
      const words = text.replace(/([a-z])([A-Z])/g, '$1 $2').replace(/_/g, ' ');
      t.notMatch(words.match(REPLACED_NOUNS)?.[0] ?? '', REPLACED_NOUNS, `${folder}/${file}`);
      t.notMatch(text.match(RIDDLE)?.[0] ?? '', RIDDLE, `first word of a comment in ${folder}/${file}`);
    }
  }
});

t.test('the top level holds the agreed files and folders alone', async (t) => {
  for (const entry of readdirSync(root)) {
    if (entry.startsWith('.') || entry === 'node_modules' || entry === 'data') continue;
    t.ok(TOP_LEVEL.has(entry), entry);
  }
});
