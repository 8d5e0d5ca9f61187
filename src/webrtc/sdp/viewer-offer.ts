import type {
  LocalTransport,
  NegotiatedFeedback,
  NegotiatedVideo,
  RtcVideoCodec,
  ViewerPlan,
} from '../media-plan.js';
import { writeAnswer } from './answer.js';
import { VIEWER_SSRC } from './negotiation.js';
import type { Offer, OfferedMedia } from './offer.js';

const PROTOCOL = 'UDP/TLS/RTP/SAVPF';
const EXTENSIONS = { mid: 1, absoluteCaptureTime: 2 } as const;
const AUDIO_FEEDBACK: NegotiatedFeedback = {
  nack: false,
  pli: false,
  fir: false,
  remb: false,
  transportCc: false,
};
const VIDEO_FEEDBACK: NegotiatedFeedback = {
  nack: true,
  pli: true,
  fir: true,
  remb: true,
  transportCc: false,
};
/** H.264 payload types, their retransmission, and profiles: constrained Baseline, Main, High, High 4:4:4 Predictive. */
const H264_PROFILES = [
  [102, 103, '42e01f'],
  [106, 107, '4d001f'],
  [108, 109, '64001f'],
  [112, 113, 'f4001f'],
] as const;
/** Every codec and profile a source may send; the answer tells which of them the viewer supports. */
const CODECS: NegotiatedVideo[] = [
  ...H264_PROFILES.map(([payloadType, rtxPayloadType, profile]) => ({
    codec: 'h264' as const,
    payloadType,
    rtxPayloadType,
    parameters: `level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=${profile}`,
  })),
  { codec: 'vp8', payloadType: 96, rtxPayloadType: 97 },
  { codec: 'vp9', payloadType: 98, rtxPayloadType: 99, parameters: 'profile-id=0' },
  { codec: 'av1', payloadType: 104, rtxPayloadType: 105 },
];
const PLAN: ViewerPlan = {
  kind: 'viewer',
  audio: {
    mid: '0',
    payloadType: 111,
    parameters: 'minptime=10;useinbandfec=1;stereo=1',
    extensions: EXTENSIONS,
    feedback: AUDIO_FEEDBACK,
    ssrc: VIEWER_SSRC.audio,
  },
  video: {
    mid: '1',
    codecs: CODECS,
    extensions: EXTENSIONS,
    feedback: VIDEO_FEEDBACK,
    ssrc: VIEWER_SSRC.video,
    rtxSsrc: VIEWER_SSRC.rtx,
  },
};

/**
 * Writes an offer to a viewer, for signalling in which the server offers. The viewer's answer is parsed like an
 * offer: `planViewer(parseOffer(answer))`.
 *
 * @param local with `setup` `actpass` (RFC 8842 section 5.2).
 * @param codec the only video codec to offer, for a server that would choose any; default: all.
 */
export function writeViewerOffer(local: LocalTransport, codec?: RtcVideoCodec): string {
  // An offer of all codecs has the form of an answer that accepts all of them.
  const everything: Pick<Offer, 'media'> = { media: [section('audio', '0'), section('video', '1')] };
  const codecs = CODECS.filter((offered) => codec === undefined || offered.codec === codec);
  const { video } = PLAN;
  return writeAnswer(everything, { ...PLAN, ...(video ? { video: { ...video, codecs } } : {}) }, local);
}

function section(kind: 'audio' | 'video', mid: string): OfferedMedia {
  return {
    kind,
    mid,
    protocol: PROTOCOL,
    firstFormat: '0',
    usable: true,
    direction: 'sendonly',
    codecs: [],
    extensions: EXTENSIONS,
    rids: [],
    simulcast: false,
  };
}
