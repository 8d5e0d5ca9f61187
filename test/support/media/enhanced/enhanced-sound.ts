import path from 'node:path';
import type { Test } from 'tap';
import { run } from '../encoder.js';
import type { FileTag } from '../flv-file.js';
import { mediaPackets } from './media-packets.js';

export type EnhancedSound = keyof typeof CODECS;

/** How ffmpeg encodes it, the FourCC, the duration of a frame in samples, and whether a configuration precedes the frames. */
const CODECS = {
  flac: {
    options: '-c:a flac -frame_size 1152 -f matroska',
    fourCc: 'fLaC',
    samples: 1_152,
    isConfigured: true,
  },
  ac3: { options: '-c:a ac3 -b:a 384k -f matroska', fourCc: 'ac-3', samples: 1_536, isConfigured: false },
  eac3: { options: '-c:a eac3 -b:a 384k -f matroska', fourCc: 'ec-3', samples: 1_536, isConfigured: false },
  opus: { options: '-c:a libopus -b:a 256k -f matroska', fourCc: 'Opus', samples: 960, isConfigured: true },
  aac: { options: '-c:a aac -b:a 256k -f matroska', fourCc: 'mp4a', samples: 1_024, isConfigured: true },
} as const;
const SAMPLE_RATE = 48_000;
/** First bytes of audio tags (Enhanced RTMP v2). */
const HEAD = { configuration: 0x90, frame: 0x91 } as const;

/** Creates tags of enhanced RTMP with a tone in the first tenth of every second, in all channels. */
export async function enhancedSound(
  t: Test,
  codec: EnhancedSound,
  { channels, durationS }: { channels: number; durationS: number },
): Promise<FileTag[]> {
  const { options, fourCc, samples, isConfigured } = CODECS[codec];
  const file = path.join(t.testdir(), 'sound.mkv');
  const tone = Array.from({ length: channels }, () => 'if(lt(mod(t\\,1)\\,0.1)\\,0.3*sin(2*PI*1000*t)\\,0)');
  const layout = channels === 6 ? '5.1' : channels === 2 ? 'stereo' : 'mono';
  await run('ffmpeg', [
    ...['-v', 'error', '-f', 'lavfi', '-i', `aevalsrc=${tone.join('|')}:s=${SAMPLE_RATE}:c=${layout}`],
    ...['-t', String(durationS), ...options.split(' '), file],
  ]);
  const { configuration, packets } = await mediaPackets(file);
  const tag = (head: number, timestamp: number, data: Buffer): FileTag => ({
    ...{ kind: 'audio', timestamp },
    body: Buffer.concat([Buffer.of(head), Buffer.from(fourCc, 'latin1'), data]),
  });
  const frames = packets.map(({ data }, index) =>
    tag(HEAD.frame, Math.round((index * samples * 1_000) / SAMPLE_RATE), data),
  );
  return isConfigured ? [tag(HEAD.configuration, 0, configuration), ...frames] : frames;
}
