import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import type { Test } from 'tap';
import { run } from '../media/encoder.js';

/** Duration that is received, s. */
const RECEIVED_S = 2;
const PASSPHRASE = '0123456789abc';

export type ProbedTrack = { codec_name: string; codec_type: string; [field: string]: unknown };

/** Receives one stream by a real ffmpeg, an implementation of RTMP and SRT that is not the gateway's. */
export async function startFfmpegServer(t: Test, format: 'flv' | 'srt') {
  const port = await freeTcpPort();
  const folder = mkdtempSync(path.join(os.tmpdir(), 'headend-ffmpeg-'));
  const file = path.join(folder, 'received.mkv');
  const url = format === 'flv' ? `rtmp://127.0.0.1:${port}/app/key` : `srt://127.0.0.1:${port}`;
  const input =
    format === 'flv'
      ? ['-listen', '1', '-i', url]
      : ['-i', `${url}?mode=listener&passphrase=${PASSPHRASE}&pbkeylen=16`];
  const child = spawn(
    'ffmpeg',
    ['-v', 'error', '-y', ...input, '-map', '0', '-c', 'copy', '-t', String(RECEIVED_S), file],
    { stdio: 'ignore' },
  );
  const ended = once(child, 'close');
  t.teardown(async () => {
    child.kill('SIGKILL');
    await ended;
    rmSync(folder, { recursive: true, force: true });
  });
  return {
    url,
    passphrase: PASSPHRASE,
    /** Waits until the stream was received. @returns its tracks, video first */
    async tracks(): Promise<ProbedTrack[]> {
      await ended;
      const { stdout } = await run('ffprobe', ['-v', 'error', '-show_streams', '-of', 'json', file]);
      const { streams } = JSON.parse(stdout) as { streams: ProbedTrack[] };
      return streams.sort((a, b) => b.codec_type.localeCompare(a.codec_type));
    },
  };
}

async function freeTcpPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
