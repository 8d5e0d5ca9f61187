import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { projectRoot } from '../src/platform/index.js';

/** Which rooms a room may import. What is not listed is forbidden. Rooms with wings are listed wing by wing. */
const DOORS: Record<string, string[]> = {
  platform: [],
  media: [],
  accounts: ['platform'],
  streams: ['media', 'platform'],
  webrtc: ['media', 'platform'],
  realtime: ['accounts', 'platform'],
  signalling: ['realtime', 'accounts', 'streams', 'webrtc', 'media', 'platform'],
  chat: ['realtime', 'accounts', 'streams', 'platform'],
  audience: ['realtime', 'accounts', 'streams', 'platform'],
  webhooks: ['streams', 'platform'],
  'ingest/whip': ['streams', 'webrtc', 'media', 'platform'],
  'egress/whep': ['streams', 'webrtc', 'media', 'platform'],
  'ingest/rtmp': ['streams', 'media', 'platform'],
  transcode: ['streams', 'media', 'platform'],
  packager: ['streams', 'media', 'platform'],
  thumbnails: ['streams', 'packager', 'media', 'platform'],
  'egress/hls': ['streams', 'packager', 'media', 'platform'],
  api: ['accounts', 'streams', 'thumbnails', 'audience', 'chat', 'webhooks', 'platform'],
};

/** The composition root sees every room; the process sees the root; only the root reads its types of settings. */
const TOP = new Set(['gateway.ts', 'main.ts', 'supervisor.ts', 'config.ts']);
const TOP_LEVEL = new Set(
  'package.json package-lock.json tsconfig.json biome.json knip.json src scripts migrations test nginx Dockerfile README.md LICENSE'.split(
    ' ',
  ),
);
const MAXIMUM_LINES = 400;

const root = projectRoot();
const source = path.join(root, 'src');
const files = readdirSync(source, { recursive: true, encoding: 'utf8' })
  .filter((file) => /\.tsx?$/.test(file) && !file.endsWith('.d.ts') && !file.startsWith('web'))
  .map((file) => ({ file, text: readFileSync(path.join(source, file), 'utf8') }));

function roomOf(file: string): string | undefined {
  return Object.keys(DOORS).find((room) => file.startsWith(`${room}/`));
}

function importsOf(text: string): string[] {
  return [...text.matchAll(/(?:from|import)\s*\(?\s*'([^']+)'/g)].map((match) => match[1] ?? '');
}

t.test('every file lives in a room or at the top of the house', async (t) => {
  t.ok(files.length > 20, 'the house has files');
  for (const { file } of files)
    t.ok(roomOf(file) ?? (TOP.has(file) || /^(gateway|config)\//.test(file)), file);
});

t.test('rooms are entered only through the doors of the table, by their index', async (t) => {
  for (const { file, text } of files) {
    const room = roomOf(file);
    if (!room) continue;
    for (const specifier of importsOf(text)) {
      if (!specifier.startsWith('.')) continue;
      const target = path.join(path.dirname(file), specifier);
      if (target.startsWith(`${room}/`)) continue;
      const entered = roomOf(target);
      t.ok(
        entered !== undefined && DOORS[room]?.includes(entered) && target === `${entered}/index.js`,
        `${file} may not import ${specifier}`,
      );
    }
  }
});

t.test('the web pages import nothing of the server but the types of its contract', async (t) => {
  const web = readdirSync(path.join(source, 'web'), { recursive: true, encoding: 'utf8' }).filter((file) =>
    /\.tsx?$/.test(file),
  );
  t.ok(web.length > 0, 'there are pages');
  for (const file of web) {
    const text = readFileSync(path.join(source, 'web', file), 'utf8');
    for (const match of text.matchAll(/^import (type )?[^;]*?from '(\.[^']+)'/gms)) {
      const target = path.join('web', path.dirname(file), match[2] ?? '');
      if (target.startsWith('web/')) continue;
      t.ok(target === 'api/contract.js' && match[1] === 'type ', `web/${file} may not import ${match[2]}`);
    }
  }
});

t.test('the process environment is read by the configuration alone', async (t) => {
  for (const { file, text } of files) {
    if (file === 'config.ts' || file === 'main.ts') continue;
    t.notMatch(text, /process\.env\b/, file);
  }
});

t.test('time is asked of the clock, so that tests can hold it', async (t) => {
  for (const { file, text } of files) {
    if (file === 'platform/clock.ts') continue;
    t.notMatch(text, /(?<![.\w])(setTimeout|setInterval)\(|\bDate\.now\(|performance\.now\(/, file);
  }
});

t.test('no file is so long that a second noun hides in it', async (t) => {
  for (const { file, text } of files) t.ok(text.split('\n').length <= MAXIMUM_LINES, file);
});

t.test('the top level holds what the owner fixed and nothing else', async (t) => {
  for (const entry of readdirSync(root)) {
    if (entry.startsWith('.') || entry === 'node_modules' || entry === 'data') continue;
    t.ok(TOP_LEVEL.has(entry), entry);
  }
});
