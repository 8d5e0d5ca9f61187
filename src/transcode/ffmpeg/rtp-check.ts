import type { RtpVideoCodec } from '../inputs/rtp-session.js';
import { runFfmpeg } from './ffmpeg-check.js';
import type { FfmpegTool } from './ffmpeg-process.js';

/** Codecs of RTP sources that can be decoded. */
export type ReadableRtp = {
  codecs: readonly RtpVideoCodec[];
  /** Name of ffmpeg's AV1 decoder. */
  av1Decoder: string | undefined;
};

/** Codecs that every ffmpeg since 5.1 decodes. */
const USUAL: readonly RtpVideoCodec[] = ['h264', 'vp8', 'vp9'];
/** Preferred first. ffmpeg's own `av1` requires hardware. */
const AV1_DECODERS = ['libdav1d', 'libaom-av1'];

/** Returns the RTP codecs that an ffmpeg decodes; AV1 depends on its build. */
export async function readableRtp(tool: FfmpegTool): Promise<ReadableRtp> {
  const decoders = await runFfmpeg(tool, ['-hide_banner', '-decoders']);
  const av1Decoder = AV1_DECODERS.find((name) => new RegExp(`^ V\\S+ ${name} `, 'm').test(decoders));
  return { codecs: av1Decoder === undefined ? USUAL : [...USUAL, 'av1'], av1Decoder };
}
