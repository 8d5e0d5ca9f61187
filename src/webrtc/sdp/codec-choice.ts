import type { NegotiatedAudio, NegotiatedFeedback, NegotiatedVideo, RtcVideoCodec } from '../media-plan.js';
import type { OfferedCodec, OfferedMedia } from './offer.js';

const VIDEO_CLOCK_RATE = 90_000;
/** Opus always uses this clock rate (RFC 7587 section 4.1). */
const OPUS_CLOCK_RATE = 48_000;

/**
 * H.264 payload types by compatibility, best first (RFC 6184 section 8.1): packetization mode 1 with constrained
 * baseline, baseline, any profile; then mode 0.
 */
const H264_RANKS: ((parameters: Parameters) => boolean)[] = [
  (p) => p.get('packetization-mode') === '1' && /^42[ef]0/i.test(profileOf(p)),
  (p) => p.get('packetization-mode') === '1' && /^42/i.test(profileOf(p)),
  (p) => p.get('packetization-mode') === '1',
  () => true,
];
/** Default profile-level-id: baseline, level 1 (RFC 6184 section 8.1). */
const H264_DEFAULT_PROFILE = '42000a';

type Parameters = ReadonlyMap<string, string>;

/**
 * Returns the supported video codecs of a section in the order of the offer, each with its payload types, best first.
 */
export function commonVideoCodecs(media: OfferedMedia): NegotiatedVideo[][] {
  const found = new Map<RtcVideoCodec, { negotiated: NegotiatedVideo; rank: number }[]>();
  for (const offered of media.codecs) {
    const match = videoCodecOf(offered);
    if (!match) continue;
    const { payloadType, parameters } = offered;
    const rtx = rtxOf(media, payloadType);
    const negotiated = {
      codec: match.codec,
      payloadType,
      ...(rtx === undefined ? {} : { rtxPayloadType: rtx }),
      ...(parameters === undefined ? {} : { parameters }),
    };
    const ranked = found.get(match.codec) ?? [];
    ranked.push({ negotiated, rank: match.rank });
    found.set(match.codec, ranked);
  }
  return [...found.values()].map((ranked) =>
    ranked.toSorted((one, other) => one.rank - other.rank).map(({ negotiated }) => negotiated),
  );
}

/** Returns Opus when it is offered. */
export function commonAudioCodec(media: OfferedMedia): NegotiatedAudio | undefined {
  const opus = media.codecs.find(({ name, clockRate }) => name === 'opus' && clockRate === OPUS_CLOCK_RATE);
  if (!opus) return undefined;
  const { payloadType, parameters } = opus;
  return { payloadType, ...(parameters === undefined ? {} : { parameters }) };
}

/** Returns the feedback supported for all of these payload types (RFC 4585 section 4.2). */
export function commonFeedback(media: OfferedMedia, payloadTypes: readonly number[]): NegotiatedFeedback {
  const codecs = media.codecs.filter(({ payloadType }) => payloadTypes.includes(payloadType));
  const all = (feedback: string): boolean => codecs.every((codec) => codec.feedback.has(feedback));
  return {
    nack: all('nack'),
    pli: all('nack pli'),
    fir: all('ccm fir'),
    remb: all('goog-remb'),
    transportCc: all('transport-cc') && media.extensions.transportSequence !== undefined,
  };
}

function videoCodecOf(offered: OfferedCodec): { codec: RtcVideoCodec; rank: number } | undefined {
  if (offered.clockRate !== VIDEO_CLOCK_RATE) return undefined;
  const parameters = parametersOf(offered.parameters);
  switch (offered.name) {
    case 'h264':
      return { codec: 'h264', rank: H264_RANKS.findIndex((fits) => fits(parameters)) };
    case 'h265':
      // Profile 1 is Main, and the default (RFC 7798 section 7.1). An offer of several streams is none of browsers.
      return (parameters.get('profile-id') ?? '1') === '1' ? { codec: 'hevc', rank: 0 } : undefined;
    case 'vp8':
      return { codec: 'vp8', rank: 0 };
    case 'vp9':
      // Profile 0 is the default (RFC 9628 section 6.1); few decoders support the others.
      return (parameters.get('profile-id') ?? '0') === '0' ? { codec: 'vp9', rank: 0 } : undefined;
    case 'av1':
      return (parameters.get('profile') ?? '0') === '0' ? { codec: 'av1', rank: 0 } : undefined;
    default:
      return undefined;
  }
}

/** Returns the payload type that retransmits another (RFC 4588 section 8.6). */
function rtxOf(media: OfferedMedia, payloadType: number): number | undefined {
  return media.codecs.find(
    ({ name, parameters }) => name === 'rtx' && parametersOf(parameters).get('apt') === String(payloadType),
  )?.payloadType;
}

/** Parses `name=value;name=value`; names become lower case. */
export function parametersOf(text: string | undefined): Parameters {
  const parameters = new Map<string, string>();
  for (const part of (text ?? '').split(';')) {
    const equals = part.indexOf('=');
    if (equals > 0) parameters.set(part.slice(0, equals).trim().toLowerCase(), part.slice(equals + 1).trim());
  }
  return parameters;
}

function profileOf(parameters: Parameters): string {
  return parameters.get('profile-level-id') ?? H264_DEFAULT_PROFILE;
}
