import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import type { Test } from 'tap';
import { projectRoot } from '../../../src/platform/index.js';

const RENDER_SCRIPT = path.join(projectRoot(), 'nginx', 'render');
export const NGINX = [
  '/usr/sbin',
  '/usr/local/sbin',
  '/opt/homebrew/bin',
  ...(process.env.PATH ?? '').split(':'),
]
  .map((folder) => path.join(folder, 'nginx'))
  .find((file) => fs.existsSync(file));
/** Value of `skip` for tests that need nginx. */
export const SKIP_WITHOUT_NGINX = NGINX ? false : 'nginx is not installed';

/** Renders the template. @throws with its message when a setting is invalid. */
export function renderTemplate(env: Record<string, string>): string {
  return execFileSync(RENDER_SCRIPT, {
    env: { PATH: process.env.PATH, ...env },
    encoding: 'utf8',
    stdio: 'pipe',
  });
}

async function freePort(): Promise<number> {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as net.AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** Writes a whole configuration around the rendered one; everything nginx writes stays in `folder`. */
export function writeConfiguration(folder: string, rendered: string): string {
  fs.writeFileSync(path.join(folder, 'headend.conf'), rendered);
  const file = path.join(folder, 'nginx.conf');
  const temp = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (name) => `${name}_temp_path ${folder}/${name};`,
  );
  fs.writeFileSync(
    file,
    `${process.getuid?.() === 0 ? `user ${os.userInfo().username};` : ''}
daemon off; worker_processes 1; pid ${folder}/nginx.pid; error_log ${folder}/error.log warn;
events { worker_connections 256; }
http { access_log ${folder}/access.log; ${temp.join(' ')} include ${folder}/headend.conf; }`,
  );
  return file;
}

export function temporaryFolder(t: Test): string {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'headend-nginx-'));
  t.teardown(() => fs.rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Starts nginx in front of `originPort`, with its logs in `folder`. @returns its port */
export async function startNginx(t: Test, originPort: number, folder = temporaryFolder(t)): Promise<number> {
  const port = await freePort();
  const config = writeConfiguration(
    folder,
    renderTemplate({
      NGINX_LISTEN: `127.0.0.1:${port}`,
      NGINX_UPSTREAM: `127.0.0.1:${originPort}`,
      NGINX_CACHE_PATH: path.join(folder, 'cache'),
      NGINX_CACHE_SIZE: '20m',
    }),
  );
  const nginx = spawn(NGINX as string, ['-p', folder, '-e', `${folder}/error.log`, '-c', config], {
    stdio: 'ignore',
  });
  const closed = once(nginx, 'close');
  t.teardown(async () => {
    nginx.kill('SIGTERM');
    await closed;
  });
  const gone = closed.then(() => {
    throw new Error(`nginx went away: ${fs.readFileSync(path.join(folder, 'error.log'), 'utf8')}`);
  });
  gone.catch(() => {});
  while (!(await Promise.race([canConnect(port), gone])))
    await new Promise((resolve) => setTimeout(resolve, 20));
  return port;
}

function canConnect(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1');
    socket.on('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => resolve(false));
  });
}

type Reply = { status: number; headers: http.IncomingHttpHeaders; body: Buffer };

export function sendRequest(
  port: number,
  url: string,
  options: http.RequestOptions & { body?: string } = {},
): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const request = http.request(
      { host: '127.0.0.1', port, path: url, agent: false, ...options },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () =>
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            body: Buffer.concat(chunks),
          }),
        );
      },
    );
    request.on('error', reject);
    request.end(options.body);
  });
}
