import { SRTP_SUITE, type VideoCodec } from '../../media/index.js';

/** SRTP session for ffmpeg. */
export type RtpSession = {
  /** Master key and salt of SRTP, base64. */
  srtpKey: string;
  video?: { codec: ReadAsRtp; port: number };
  /** Opus. */
  audio?: { port: number };
};

/** Video codecs of RTP sources. */
export type RtpVideoCodec = Extract<VideoCodec, 'h264' | 'vp8' | 'vp9' | 'av1'>;

/** Codecs that ffmpeg reads as RTP; AV1 only since 8.0, so it is sent as Matroska. */
export type ReadAsRtp = Exclude<RtpVideoCodec, 'av1'>;

/** Payload types of all RTP on loopback. */
export const PAYLOAD_TYPE = { video: 96, audio: 97 } as const;

/** Encoding names (RFC 6184, RFC 7741, RFC 9628) and decoder parameters. */
const ENCODINGS: Record<ReadAsRtp, { name: string; parameters?: string }> = {
  h264: { name: 'H264', parameters: 'packetization-mode=1' },
  vp8: { name: 'VP8' },
  vp9: { name: 'VP9' },
};

export function isRtpVideoCodec(codec: VideoCodec): codec is RtpVideoCodec {
  return codec === 'av1' || codec in ENCODINGS;
}

/** Builds the session description (RFC 8866) of the loopback ports. */
export function sessionDescription({ srtpKey, video, audio }: RtpSession): string {
  const lines = ['v=0', 'o=- 0 0 IN IP4 127.0.0.1', 's=-', 'c=IN IP4 127.0.0.1', 't=0 0'];
  // RFC 4568. The key goes through a pipe, invisible to other users.
  const crypto = `a=crypto:1 ${SRTP_SUITE} inline:${srtpKey}`;
  if (video) {
    const { name, parameters } = ENCODINGS[video.codec];
    lines.push(`m=video ${video.port} RTP/SAVP ${PAYLOAD_TYPE.video}`, crypto);
    lines.push(`a=rtpmap:${PAYLOAD_TYPE.video} ${name}/90000`);
    if (parameters) lines.push(`a=fmtp:${PAYLOAD_TYPE.video} ${parameters}`);
  }
  if (audio) {
    lines.push(`m=audio ${audio.port} RTP/SAVP ${PAYLOAD_TYPE.audio}`, crypto);
    // RFC 7587, section 7: always 48 kHz and two channels.
    lines.push(`a=rtpmap:${PAYLOAD_TYPE.audio} opus/48000/2`, `a=fmtp:${PAYLOAD_TYPE.audio} sprop-stereo=1`);
  }
  return `${lines.join('\r\n')}\r\n`;
}
