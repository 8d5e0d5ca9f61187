import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { projectRoot } from '../src/platform/index.js';

/** Modules that a module may import. Whatever is not listed is forbidden. Ingest and egress are listed by protocol. */
const ALLOWED_IMPORTS: Record<string, string[]> = {
  platform: [],
  media: [],
  audit: ['platform'],
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
  recordings: ['streams', 'packager', 'media', 'platform'],
  videos: ['streams', 'transcode', 'recordings', 'platform'],
  thumbnails: ['streams', 'packager', 'media', 'platform'],
  health: ['streams', 'media', 'platform'],
  qoe: ['streams', 'platform'],
  'egress/http': ['platform'],
  'egress/hls': ['egress/http', 'streams', 'packager', 'media', 'platform'],
  'egress/recordings': ['egress/http', 'streams', 'recordings', 'packager', 'media', 'platform'],
  restreams: ['sockets', 'accounts', 'ingest/rtmp', 'streams', 'webrtc', 'media', 'platform'],
  api: [
    ...['accounts', 'streams', 'audience', 'chat', 'webhooks', 'thumbnails', 'recordings', 'restreams'],
    ...['videos', 'health', 'qoe', 'audit', 'platform'],
  ],
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
/** Files and folders whose words are checked: everything that people read. */
const CHECKED_WORDS = ['src', 'test', 'scripts', 'nginx', 'migrations', '.github', 'README.md'];
/** Migrations up to this one may be applied somewhere: neither their names nor their content can change. */
const LAST_UNCHECKED_MIGRATION = 10;
/** Test folders without a counterpart in `src`: tests of the whole gateway, and of folders beside `src`. */
const TEST_FOLDERS = /^(gateway|nginx|scripts|support)(\/|$)/;
/** Tests of all of `src`. */
const WHOLE_SOURCE_TESTS = ['architecture.test.ts', 'number-bounds.test.ts'];
const RIDDLE_TITLE = /\btest\(\s*['"`](what|who|whoever|whatever|somebody|nobody|everybody)\b/i;
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

function filesIn(entry: string): string[] {
  if (!statSync(path.join(root, entry)).isDirectory()) return [entry];
  return readdirSync(path.join(root, entry), { recursive: true, withFileTypes: true })
    .filter((each) => each.isFile())
    .map((each) => path.relative(root, path.join(each.parentPath, each.name)));
}

t.test('identifiers, comments, titles and file names use the terms of the glossary', async (t) => {
  const files = CHECKED_WORDS.flatMap(filesIn).filter((file) => {
    const migration = /^migrations\/(\d+)_/.exec(file)?.[1];
    return migration === undefined || Number(migration) > LAST_UNCHECKED_MIGRATION;
  });
  for (const kind of [/^src\/.*\.tsx?$/, /^test\/.*\.py$/, /^scripts\/start$/, /^src\/.*README\.md$/])
    t.ok(
      files.some((file) => kind.test(file)),
      `${kind} is checked`,
    );
  for (const file of files) {
    if (file === 'test/architecture.test.ts') continue;
    t.notMatch(file.replace(/[-_./]/g, ' '), REPLACED_NOUNS, `name of ${file}`);
    const text = readFileSync(path.join(root, file), 'utf8');
    const words = text.replace(/([a-z])([A-Z])/g, '$1 $2').replace(/[_-]/g, ' ');
    t.notMatch(words.match(REPLACED_NOUNS)?.[0] ?? '', REPLACED_NOUNS, file);
    if (!/\.tsx?$/.test(file)) continue;
    t.notMatch(text.match(RIDDLE)?.[0] ?? '', RIDDLE, `first word of a comment in ${file}`);
    t.notMatch(text.match(RIDDLE_TITLE)?.[0] ?? '', RIDDLE_TITLE, `first word of a title in ${file}`);
  }
});

t.test('a class or type with a member that a README of src names has that member', async (t) => {
  let references = 0;
  for (const file of filesIn('src').filter((each) => each.endsWith('.md'))) {
    const text = readFileSync(path.join(root, file), 'utf8');
    for (const [, name = '', member = ''] of text.matchAll(/`([A-Z]\w+)\.([a-z]\w+)/g)) {
      const declaration = new RegExp(`\\b(class|type|interface) ${name}\\b`);
      const declaring = everySource.filter((source) => declaration.test(source.text));
      if (declaring.length === 0) continue;
      references++;
      const found = new RegExp(`[\\s#](get )?${member}\\??[(:<]|\\b${member} =`);
      t.ok(
        declaring.some((source) => found.test(source.text)),
        `${file}: ${name}.${member}`,
      );
    }
  }
  t.ok(references > 50, `${references} references are checked`);
});

t.test('test files are in the folder that src has for their subject', async (t) => {
  for (const { file } of sourcesIn('test')) {
    const folder = path.dirname(file);
    if (TEST_FOLDERS.test(folder)) continue;
    t.match(file, /\.test\.ts$/, `${file} is no test: it belongs to test/support`);
    if (folder === '.') {
      const subject = path.join(root, 'src', file.replace('.test.ts', '.ts'));
      t.ok(WHOLE_SOURCE_TESTS.includes(file) || existsSync(subject), `src has no file for test/${file}`);
    } else t.ok(existsSync(path.join(root, 'src', folder)), `src has no folder for test/${file}`);
  }
});

t.test('the top level holds the agreed files and folders alone', async (t) => {
  for (const entry of readdirSync(root)) {
    if (entry.startsWith('.') || entry === 'node_modules' || entry === 'data') continue;
    t.ok(TOP_LEVEL.has(entry), entry);
  }
});
