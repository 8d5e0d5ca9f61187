import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import Fastify from 'fastify';
import type { Page } from 'playwright-core';
import type { Test } from 'tap';

const require = createRequire(import.meta.url);

/** Scripts of players, by the name under which a page loads them. */
const SCRIPTS = {
  'hls.js': require.resolve('hls.js/dist/hls.min.js'),
  'video.js': require.resolve('video.js/dist/video.min.js'),
  'shaka.js': require.resolve('shaka-player/dist/shaka-player.compiled.js'),
  'dash.js': require.resolve('dashjs'),
} as const;

export type PlayerScript = keyof typeof SCRIPTS;

/** Players of DASH, each as its documentation starts it. */
export const DASH_PLAYERS: { name: string; script: PlayerScript; start: string }[] = [
  {
    name: 'dash.js',
    script: 'dash.js',
    start:
      'const player = dashjs.MediaPlayer().create(); player.on("error", ({ error }) => failed("dash.js " + error.code + " " + error.message)); player.initialize(video, url, true);',
  },
  {
    name: 'Shaka Player with low latency',
    script: 'shaka.js',
    start:
      'const player = new shaka.Player(); player.addEventListener("error", ({ detail }) => failed("shaka " + detail.code)); player.attach(video).then(() => { player.configure({ streaming: { lowLatencyMode: true } }); return player.load(url); }).catch(({ code }) => failed("shaka " + code));',
  },
];

/** Serves pages of another origin than the gateway's: a video element and one of the scripts. @returns the origin */
export async function servePlayerPages(t: Test): Promise<string> {
  const app = Fastify();
  for (const [name, file] of Object.entries(SCRIPTS)) {
    const script = readFileSync(file, 'utf8');
    app.get(`/${name}`, (_request, reply) => reply.type('text/javascript').send(script));
    app.get(`/page/${name}`, (_request, reply) =>
      reply
        .type('text/html')
        .send(`<video id="video" autoplay muted playsinline></video><script src="/${name}"></script>`),
    );
  }
  await app.listen({ port: 0, host: '127.0.0.1' });
  t.teardown(() => app.close());
  return `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`;
}

export type PlayerPlayback = {
  position: number;
  /** End of what is buffered, s. */
  bufferedTo: number;
  ended: boolean;
  failures: string[];
};

/**
 * Starts a player.
 *
 * @param start script that may use `url`, `video` and `failed(message)`
 */
export async function startPlayer(page: Page, url: string, start: string): Promise<void> {
  await page.evaluate(`{
    window.failures = [];
    const failed = (message) => failures.push(message);
    const url = ${JSON.stringify(url)};
    const video = document.querySelector('video');
    ${start}
  }`);
}

export async function playerPlayback(page: Page): Promise<PlayerPlayback> {
  return await page.evaluate<PlayerPlayback>(`{
    const { currentTime: position, buffered, ended } = document.querySelector('video');
    const bufferedTo = buffered.length > 0 ? buffered.end(buffered.length - 1) : 0;
    ({ position, bufferedTo, ended, failures: window.failures });
  }`);
}
