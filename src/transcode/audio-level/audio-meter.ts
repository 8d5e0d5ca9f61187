import { spawn } from 'node:child_process';
import os from 'node:os';
import { createInterface } from 'node:readline';
import type { FlvTag } from '../../media/index.js';
import { killChild, lowerSessionPriority } from '../../platform/index.js';
import type { Source } from '../../streams/index.js';
import { SHORT_PROBE_OPTIONS, type TagInput, tagInputOptions } from '../ffmpeg/ffmpeg-arguments.js';
import type { FfmpegTool } from '../ffmpeg/ffmpeg-process.js';
import { type TagFraming, tagFraming, tagInput } from '../inputs/tag-framing.js';

/** Level of the sound over a second, dBFS. */
type Level = { levelDb: number; peakDb: number };

/** Measures the sound of a publication. `closed` resolves when the process has ended. */
export type AudioMeter = { readonly closed: Promise<void>; close(): void };

/** Bytes that may wait for ffmpeg; later sound is left out until it has read them. */
const MAXIMUM_WAITING_BYTES = 256 << 10;
/** Timestamps of FLV are signed 32-bit numbers, ms. */
const MAXIMUM_TIMESTAMP = 2 ** 31 - 1;
const LEVEL_RATE = 48_000;
const LEVEL = /^lavfi\.astats\.Overall\.(RMS|Peak)_level=(\S+)$/;

/** Prints the level of each second of sound on standard output. */
const FILTERS = [
  `aresample=${LEVEL_RATE}`,
  `asetnsamples=n=${LEVEL_RATE}`,
  'astats=metadata=1:reset=1:measure_perchannel=none:measure_overall=RMS_level+Peak_level',
  'ametadata=mode=print:file=-:direct=1',
].join(',');

function argumentsFor(input: TagInput): string[] {
  return [
    ...['-hide_banner', '-nostats', '-v', 'error', '-threads', '1', '-protocol_whitelist', 'pipe'],
    ...[...tagInputOptions(input), ...SHORT_PROBE_OPTIONS, '-i', 'pipe:0', '-map', '0:a:0'],
    ...['-filter_threads', '1', '-af', FILTERS, '-f', 'null', '-'],
  ];
}

/**
 * Decodes the sound of an RTMP publication in a process of the lowest priority.
 *
 * @param report called with the level of each second of sound
 */
export function openAudioMeter(tool: FfmpegTool, source: Source, report: (level: Level) => void): AudioMeter {
  const { audio } = source.info;
  const info = audio ? { audio } : {};
  let framing: TagFraming | undefined;
  /** Begins the stream with the configuration, if the codec has one. */
  const begin = (audioHeader: FlvTag | undefined): TagFraming => {
    const has = { audio: true, video: false };
    const begun = tagFraming({ info, has, frameRate: 1, videoHeader: undefined, audioHeader });
    stdin.write(begun.header());
    return begun;
  };
  const child = spawn(tool.path, argumentsFor(tagInput(info, undefined)), {
    env: tool.environment,
    stdio: ['pipe', 'pipe', 'ignore'],
    detached: true,
  });
  tool.memory?.watch(child);
  if (child.pid !== undefined) lowerSessionPriority(child.pid, os.constants.priority.PRIORITY_LOW);
  const { stdin, stdout } = child;
  stdin.on('error', () => {});
  let isOver = false;
  let stopReading = (): void => {};
  const close = (): void => {
    isOver = true;
    stopReading();
    stdin.destroy();
    killChild(child);
  };
  const closed = new Promise<void>((resolve) => {
    child.once('error', () => resolve());
    child.once('exit', () => resolve());
  }).finally(close);
  readLevels(stdout, report);
  let timelines = 0;
  stopReading = source.read({
    // Times begin anew, and another codec needs another process.
    restart: () => {
      if (++timelines > 1) close();
    },
    write: (tag) => {
      if (isOver || tag.kind !== 'audio' || tag.timestamp > MAXIMUM_TIMESTAMP) return;
      if (stdin.writableLength > MAXIMUM_WAITING_BYTES) return;
      framing ??= begin(tag.header ? tag : undefined);
      for (const part of framing.frame(tag, tag.timestamp)) stdin.write(part);
    },
    end: close,
  });
  return { closed, close };
}

function readLevels(output: NodeJS.ReadableStream, report: (level: Level) => void): void {
  let peakDb = Number.NaN;
  createInterface({ input: output }).on('line', (line) => {
    const [, name, text] = LEVEL.exec(line) ?? [];
    if (name === undefined) return;
    const value = text === '-inf' ? Number.NEGATIVE_INFINITY : Number(text);
    if (name === 'Peak') peakDb = value;
    else report({ levelDb: value, peakDb });
  });
}
