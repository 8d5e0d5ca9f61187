import type { RtpVideoCodec } from '../inputs/rtp-session.js';
import { runFfmpeg } from './ffmpeg-check.js';
import type { FfmpegTool } from './ffmpeg-process.js';

/** What can be made of media that arrive as RTP. */
export type ReadableRtp = {
  codecs: readonly RtpVideoCodec[];
  /** ffmpeg's name of what decodes AV1. */
  av1Decoder: string | undefined;
};

/** What every ffmpeg since 5.1 reads and decodes. */
const USUAL: readonly RtpVideoCodec[] = ['h264', 'vp8', 'vp9'];
/** The better one first. ffmpeg's own `av1` needs hardware for it. */
const AV1_DECODERS = ['libdav1d', 'libaom-av1'];

/** Which codecs that arrive as RTP an ffmpeg decodes: for AV1 it must have been built with a decoder. */
export async function readableRtp(tool: FfmpegTool): Promise<ReadableRtp> {
  const decoders = await runFfmpeg(tool, ['-hide_banner', '-decoders']);
  const av1Decoder = AV1_DECODERS.find((name) => new RegExp(`^ V\\S+ ${name} `, 'm').test(decoders));
  return { codecs: av1Decoder === undefined ? USUAL : [...USUAL, 'av1'], av1Decoder };
}
