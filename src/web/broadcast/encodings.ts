/** As in `RTCRtpEncodingParameters`. */
export type Encoding = { rid?: string; maxBitrate: number; scaleResolutionDownBy?: number };

export type PictureSettings = {
  /** Bits per second: of the picture, or of the largest layer. */
  bitrate: number;
  simulcast: boolean;
  /** Lines of the picture. */
  height: number;
};

/** Smaller layers than this are not worth their encoder. */
const LEAST_HEIGHT = 135;
const LAYERS = [
  { rid: 'l', scale: 4, share: 0.07, least: 120_000 },
  { rid: 'm', scale: 2, share: 0.26, least: 300_000 },
  { rid: 'h', scale: 1, share: 1, least: 0 },
] as const;

/** One encoding, or up to three layers from the smallest to the largest (simulcast, RFC 8853), for `sendEncodings`. */
export function encodingsOf({ bitrate, simulcast, height }: PictureSettings): Encoding[] {
  if (!simulcast) return [{ maxBitrate: bitrate }];
  return LAYERS.filter(({ scale }) => scale === 1 || height / scale >= LEAST_HEIGHT).map(
    ({ rid, scale, share, least }) => ({
      rid,
      maxBitrate: Math.min(bitrate, Math.max(least, Math.round(bitrate * share))),
      scaleResolutionDownBy: scale,
    }),
  );
}

/** As in `RTCRtpCodec`. */
export type Codec = { mimeType: string; sdpFmtpLine?: string };
export type CodecPreference = 'h264' | 'vp8';

/**
 * The codecs in the order they are to be offered, the preferred one first; nothing is left out. Of H.264, baseline
 * that may be split over packets (`packetization-mode=1`, RFC 6184 section 8.1) goes first: everybody decodes it.
 */
export function orderedCodecs<C extends Codec>(codecs: readonly C[], prefer: CodecPreference): C[] {
  const rank = ({ mimeType, sdpFmtpLine = '' }: Codec): number => {
    if (mimeType.toLowerCase() !== `video/${prefer}`) return 3;
    if (prefer !== 'h264' || /packetization-mode=1.*profile-level-id=42e0/i.test(sdpFmtpLine)) return 0;
    return sdpFmtpLine.includes('packetization-mode=1') ? 1 : 2;
  };
  return codecs.toSorted((one, other) => rank(one) - rank(other));
}
