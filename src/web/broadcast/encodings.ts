/** Subset of `RTCRtpEncodingParameters`. */
export type Encoding = { rid?: string; maxBitrate: number; scaleResolutionDownBy?: number };

export type VideoSettings = {
  /** Bits per second of the video, or of its largest layer. */
  bitrate: number;
  simulcast: boolean;
  /** Height in pixels. */
  height: number;
};

/** Layers below this height are left out. */
const MIN_LAYER_HEIGHT = 135;
const LAYERS = [
  { rid: 'l', scale: 4, share: 0.07, least: 120_000 },
  { rid: 'm', scale: 2, share: 0.26, least: 300_000 },
  { rid: 'h', scale: 1, share: 1, least: 0 },
] as const;

/** Returns one encoding, or up to three simulcast layers (RFC 8853) from the smallest to the largest. */
export function sendEncodings({ bitrate, simulcast, height }: VideoSettings): Encoding[] {
  if (!simulcast) return [{ maxBitrate: bitrate }];
  return LAYERS.filter(({ scale }) => scale === 1 || height / scale >= MIN_LAYER_HEIGHT).map(
    ({ rid, scale, share, least }) => ({
      rid,
      maxBitrate: Math.min(bitrate, Math.max(least, Math.round(bitrate * share))),
      scaleResolutionDownBy: scale,
    }),
  );
}

/** Subset of `RTCRtpCodec`. */
export type Codec = { mimeType: string; sdpFmtpLine?: string };
export type CodecPreference = 'h264' | 'vp8';

/**
 * Sorts codecs for the offer, the preferred one first; none is left out. Of H.264, constrained baseline with
 * `packetization-mode=1` (RFC 6184 section 8.1) goes first, as every viewer decodes it.
 */
export function orderedCodecs<C extends Codec>(codecs: readonly C[], prefer: CodecPreference): C[] {
  const rank = ({ mimeType, sdpFmtpLine = '' }: Codec): number => {
    if (mimeType.toLowerCase() !== `video/${prefer}`) return 3;
    if (prefer !== 'h264' || /packetization-mode=1.*profile-level-id=42e0/i.test(sdpFmtpLine)) return 0;
    return sdpFmtpLine.includes('packetization-mode=1') ? 1 : 2;
  };
  return codecs.toSorted((one, other) => rank(one) - rank(other));
}
