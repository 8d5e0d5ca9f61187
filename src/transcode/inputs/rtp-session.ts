import { SRTP_SUITE, type VideoCodec } from '../../media/index.js';

/** What ffmpeg is sent as SRTP. */
export type RtpSession = {
  /** Master key and salt of SRTP, base64. */
  srtpKey: string;
  video?: { codec: ReadAsRtp; port: number };
  /** Opus. */
  audio?: { port: number };
};

/** Video codecs that arrive as RTP. */
export type RtpVideoCodec = Extract<VideoCodec, 'h264' | 'vp8' | 'vp9' | 'av1'>;

/** Those of them that ffmpeg is sent as RTP: AV1 it reads since 8.0 at the earliest, and is not left to it. */
export type ReadAsRtp = Exclude<RtpVideoCodec, 'av1'>;

/** The payload types of everything that is sent as RTP on this machine. */
export const PAYLOAD_TYPE = { video: 96, audio: 97 } as const;

/** Encoding names (RFC 6184, RFC 7741, RFC 9628), with what a decoder must know of them. */
const ENCODINGS: Record<ReadAsRtp, { name: string; parameters?: string }> = {
  h264: { name: 'H264', parameters: 'packetization-mode=1' },
  vp8: { name: 'VP8' },
  vp9: { name: 'VP9' },
};

export function isRtpVideoCodec(codec: VideoCodec): codec is RtpVideoCodec {
  return codec === 'av1' || codec in ENCODINGS;
}

/** The session description (RFC 8866) that tells ffmpeg where on loopback to listen for what. */
export function sessionDescription({ srtpKey, video, audio }: RtpSession): string {
  const lines = ['v=0', 'o=- 0 0 IN IP4 127.0.0.1', 's=-', 'c=IN IP4 127.0.0.1', 't=0 0'];
  // RFC 4568. The description goes by a pipe: no other user sees it.
  const crypto = `a=crypto:1 ${SRTP_SUITE} inline:${srtpKey}`;
  if (video) {
    const { name, parameters } = ENCODINGS[video.codec];
    lines.push(`m=video ${video.port} RTP/SAVP ${PAYLOAD_TYPE.video}`, crypto);
    lines.push(`a=rtpmap:${PAYLOAD_TYPE.video} ${name}/90000`);
    if (parameters) lines.push(`a=fmtp:${PAYLOAD_TYPE.video} ${parameters}`);
  }
  if (audio) {
    lines.push(`m=audio ${audio.port} RTP/SAVP ${PAYLOAD_TYPE.audio}`, crypto);
    // RFC 7587, section 7: always 48 kHz and two channels; what is mono inside comes out twice.
    lines.push(`a=rtpmap:${PAYLOAD_TYPE.audio} opus/48000/2`, `a=fmtp:${PAYLOAD_TYPE.audio} sprop-stereo=1`);
  }
  return `${lines.join('\r\n')}\r\n`;
}
