import { runFfmpeg } from './ffmpeg-check.js';
import type { FfmpegTool } from './ffmpeg-process.js';
import type { PortPairs } from './port-pairs.js';
import { type RtpVideoCodec, sessionDescription } from './rtp-session.js';

/** What every ffmpeg since 5.1 reads. */
const USUAL: readonly RtpVideoCodec[] = ['h264', 'vp8', 'vp9'];
/** Nothing will be sent: so long ffmpeg waits for it, s. */
const WAIT_S = 0.1;

/**
 * Which codecs an ffmpeg reads as RTP. AV1 came with 8.0, but not with every 8.0: ffmpeg is given a session of it, and
 * before it finds that nothing is sent it says what it takes it for.
 */
export async function readableRtpCodecs(
  tool: FfmpegTool,
  pairs: PortPairs,
): Promise<readonly RtpVideoCodec[]> {
  const port = await pairs.take();
  const session = Buffer.from(sessionDescription({ video: { codec: 'av1', port } })).toString('base64');
  const args = [
    ...['-hide_banner', '-protocol_whitelist', 'data,udp,rtp', '-localaddr', '127.0.0.1'],
    ...['-listen_timeout', String(WAIT_S), '-f', 'sdp', '-i', `data:application/sdp;base64,${session}`],
  ];
  try {
    await runFfmpeg(tool, args);
    return USUAL;
  } catch (error) {
    // It must complain of the missing output; what it found stands above that.
    const found = error instanceof Error && /: Video: av1\b/.test(error.message);
    return found ? [...USUAL, 'av1'] : USUAL;
  } finally {
    pairs.release(port);
  }
}
