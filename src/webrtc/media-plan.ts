import type { VideoCodec } from '../media/index.js';

/** Video codecs that browsers send and receive by WebRTC. */
export type RtcVideoCodec = Extract<VideoCodec, 'h264' | 'vp8' | 'vp9' | 'av1'>;

/** What the remote side's offer says of its transport (one for all media: BUNDLE). */
export type RemoteTransport = {
  iceUfrag: string;
  icePwd: string;
  /** As in `a=fingerprint`: hash function, blank, bytes in hexadecimal. */
  fingerprint: string;
  setup: 'active' | 'actpass' | 'passive';
};

/** Our side of the transport, for the answer. */
export type LocalTransport = {
  iceUfrag: string;
  icePwd: string;
  fingerprint: string;
  /** `actpass` in an offer of ours, `active` or `passive` in an answer. */
  setup: 'active' | 'passive' | 'actpass';
  /** `a=candidate` values, without the attribute's name. */
  candidates: string[];
};

/** RTP header extensions by what they mean: the id that was negotiated (RFC 8285), absent where there is none. */
export type ExtensionIds = {
  mid?: number;
  /** RFC 8852: rtp-stream-id and repaired-rtp-stream-id. */
  rid?: number;
  repairedRid?: number;
  /** draft-holmer-rmcat-transport-wide-cc-extensions-01 */
  transportSequence?: number;
  /** urn:3gpp:video-orientation */
  orientation?: number;
  absoluteCaptureTime?: number;
};

/** One codec of one media section, with the payload type that the remote side gave it. */
export type NegotiatedVideo = {
  codec: RtcVideoCodec;
  payloadType: number;
  /** RFC 4588; absent where it was not offered. */
  rtxPayloadType?: number;
  /** `a=fmtp` parameters as offered. */
  parameters?: string;
};

export type NegotiatedAudio = {
  payloadType: number /** `a=fmtp` parameters as offered (stereo, FEC, DTX). */;
  parameters?: string;
};

/** Which feedback the remote side understands (RFC 4585, RFC 5104). */
export type NegotiatedFeedback = {
  nack: boolean;
  pli: boolean;
  fir: boolean;
  remb: boolean;
  transportCc: boolean;
};

/** What a publisher will send: one codec each, up to three layers (simulcast by rid, RFC 8853). */
export type PublisherPlan = {
  kind: 'publisher';
  audio?: NegotiatedAudio & { mid: string; extensions: ExtensionIds; feedback: NegotiatedFeedback };
  video?: NegotiatedVideo & {
    mid: string;
    extensions: ExtensionIds;
    feedback: NegotiatedFeedback;
    /** Layers in the order of the offer; empty: one layer without a rid. */
    rids: string[];
  };
};

/** What a viewer can be sent: every video codec both sides know, so that the source may change its codec. */
export type ViewerPlan = {
  kind: 'viewer';
  audio?: NegotiatedAudio & {
    mid: string;
    extensions: ExtensionIds;
    feedback: NegotiatedFeedback;
    ssrc: number;
  };
  video?: {
    mid: string;
    codecs: NegotiatedVideo[];
    extensions: ExtensionIds;
    feedback: NegotiatedFeedback;
    ssrc: number;
    rtxSsrc: number;
  };
};
