/**
 * Runs the gateway with reload on change, and Vite's dev server with hot reload for the pages beside it:
 *
 *     npm run dev
 *
 * Open the address that Vite prints; it forwards API, media and sockets to the gateway. Settings of the gateway come from
 * the environment. Ctrl-C stops both.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import pretty from 'pino-pretty';
import { createServer } from 'vite';
import { readConfig } from '../src/config.js';
import { projectRoot } from '../src/platform/index.js';

/** Paths of the gateway. `/api/*.ts` are modules of the pages: `src/web/api`. */
const GATEWAY_PATHS =
  '^/(api/(?!.*\\.tsx?(\\?|$))|(hls|dash|rewind|whep|whip|docs)(/|$)|(recordings|videos)/[^/]+/.|healthz$|readyz$|openapi\\.json$)';
/** Pages for frames of other sites, which are a document of their own. */
const EMBED_PATHS = /^\/embed\/[^/]+\/?(?=\?|$)/;
/** Scripts and styles of that document, which names them relative to itself. */
const EMBED_FILES = /^\/embed\/(?=element\/)/;
const SOCKET_PATHS = '^/(ws$|socket\\.io/)';

process.chdir(projectRoot());
const { http } = readConfig(process.env);
// Port 0 is chosen by the gateway: the proxy could not know it.
if (http.port === 0) throw new Error('HTTP_PORT must not be 0: the dev server needs to know the port.');
const target = `http://127.0.0.1:${http.port}`;

const pages = await createServer({
  root: 'src/web',
  configFile: 'src/web/vite.config.ts',
  plugins: [
    {
      name: 'embed page',
      configureServer: ({ middlewares }) => {
        middlewares.use((request, _response, next) => {
          request.url = request.url?.replace(EMBED_PATHS, '/embed.html').replace(EMBED_FILES, '/');
          next();
        });
      },
    },
  ],
  server: {
    proxy: {
      // The Host header stays: the gateway compares it with the Origin of requests.
      [GATEWAY_PATHS]: { target, changeOrigin: false },
      [SOCKET_PATHS]: { target, changeOrigin: false, ws: true },
    },
  },
});

const gateway = spawn('node_modules/.bin/tsx', ['watch', '--clear-screen=false', 'src/main.ts'], {
  stdio: ['ignore', 'pipe', 'inherit'],
  // A group of its own: Ctrl-C reaches the gateway once, from here, as a second signal would kill it.
  detached: true,
});
gateway.stdout.pipe(pretty({ colorize: process.stdout.isTTY }));
const gatewayClosed = once(gateway, 'close');

let stopping = false;
async function stop(): Promise<void> {
  if (stopping) return;
  stopping = true;
  gateway.kill('SIGINT');
  await Promise.all([pages.close(), gatewayClosed]);
  process.exit(0);
}
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => void stop());

await pages.listen();
pages.printUrls();
await gatewayClosed;
await stop();
