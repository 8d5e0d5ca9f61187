import { rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Writable } from 'node:stream';
import { type Logger, makeSocketFolder } from '../../platform/index.js';
import { COMMON_OPTIONS, tagInputOptions } from '../ffmpeg/ffmpeg-arguments.js';
import { runFfmpeg } from '../ffmpeg/ffmpeg-check.js';
import { type FfmpegTool, startFfmpeg } from '../ffmpeg/ffmpeg-process.js';

export type SrtAddress = {
  /** IP address: ffmpeg resolves no names. */
  address: string;
  port: number;
  streamId?: string | undefined;
  passphrase?: string | undefined;
  /** Bytes of the key: 16, 24 or 32. */
  keyBytes?: number | undefined;
  latencyMs?: number | undefined;
};

/** FLV of H.264 and AAC goes in, MPEG-TS over SRT out. */
export type SrtOutput = {
  readonly input: Writable;
  /** Resolves when the process has ended. Never rejects. */
  readonly exited: Promise<void>;
  kill(): void;
};

/** Time that ffmpeg waits for the target to accept the connection, ms. */
export const SRT_CONNECT_TIMEOUT_MS = 4_000;

/** Whether an ffmpeg was built with SRT. */
export async function hasSrt(tool: FfmpegTool): Promise<boolean> {
  return /^\s*srt\s*$/m.test(await runFfmpeg(tool, ['-hide_banner', '-protocols']));
}

/**
 * Starts an ffmpeg that connects to an SRT listener, without an encoder. Secrets go by a preset file, because other users of
 * the machine see arguments; the file is removed when the process ends.
 *
 * @throws when the file cannot be written or ffmpeg cannot be started
 */
export async function openSrtOutput(tool: FfmpegTool, target: SrtAddress, log: Logger): Promise<SrtOutput> {
  // Removed after a crash by the next start, as folders of sockets are.
  const folder = await makeSocketFolder('srt', log);
  const remove = () => rm(folder, { recursive: true, force: true }).catch(() => {});
  try {
    const preset = path.join(folder, 'srt.ffpreset');
    await writeFile(preset, presetText(target), { mode: 0o600 });
    const started = startFfmpeg(tool, {
      inputOptions: [
        ...COMMON_OPTIONS,
        '-protocol_whitelist',
        'pipe',
        ...tagInputOptions({ container: 'flv' }),
      ],
      complexFilter: undefined,
      outputs: [
        {
          url: urlOf(target),
          options: [
            ...['-map', '0', '-c', 'copy', '-fpre', preset, '-protocol_whitelist', 'srt'],
            ...['-muxdelay', '0', '-muxpreload', '0', '-flush_packets', '1', '-f', 'mpegts'],
          ],
        },
      ],
    });
    const { input, kill } = started;
    const exited = started.exited.then(remove);
    if (!input) {
      await exited;
      throw new Error('ffmpeg could not be started');
    }
    return { input, exited, kill };
  } catch (error) {
    await remove();
    throw error;
  }
}

/** One option a line, as ffmpeg's `-fpre` reads them. */
function presetText({ streamId, passphrase }: SrtAddress): string {
  const options = { streamid: streamId, passphrase };
  return Object.entries(options)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name}=${value}\n`)
    .join('');
}

function urlOf({ address, port, keyBytes, latencyMs }: SrtAddress): string {
  const host = address.includes(':') ? `[${address}]` : address;
  const query = new URLSearchParams({ mode: 'caller', connect_timeout: String(SRT_CONNECT_TIMEOUT_MS) });
  if (keyBytes !== undefined) query.set('pbkeylen', String(keyBytes));
  // Microseconds in ffmpeg.
  if (latencyMs !== undefined) query.set('latency', String(latencyMs * 1_000));
  return `srt://${host}:${port}?${query}`;
}
