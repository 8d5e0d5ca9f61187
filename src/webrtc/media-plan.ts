import type { VideoCodec } from '../media/index.js';

/** Video codecs that browsers receive over WebRTC. */
export type RtcVideoCodec = Extract<VideoCodec, 'h264' | 'hevc' | 'vp8' | 'vp9' | 'av1'>;

/** Those that publishers may send. */
export type PublishedVideoCodec = Exclude<RtcVideoCodec, 'hevc'>;

/** UDP address of a remote side that this gateway has chosen to connect to. */
export type RemoteCandidate = { address: string; port: number };

/** Transport of the remote side, shared by all media (BUNDLE). */
export type RemoteTransport = {
  iceUfrag: string;
  icePwd: string;
  /** `a=fingerprint` value: hash function, space, bytes in hexadecimal. */
  fingerprint: string;
  setup: 'active' | 'actpass' | 'passive';
  /**
   * Addresses that checks are sent to. Default: none, the remote side's checks are awaited, because clients can name any
   * address.
   */
  candidates?: readonly RemoteCandidate[];
};

/** Local transport for the SDP answer. */
export type LocalTransport = {
  iceUfrag: string;
  icePwd: string;
  fingerprint: string;
  /** `actpass` in an offer of the server, else `active` or `passive`. */
  setup: 'active' | 'passive' | 'actpass';
  /** `a=candidate` values without the attribute name. */
  candidates: string[];
};

/** Negotiated ids of RTP header extensions (RFC 8285); absent when not negotiated. */
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
  /** RFC 6464 */
  audioLevel?: number;
  /** http://www.webrtc.org/experiments/rtp-hdrext/video-content-type: camera or screen */
  contentType?: number;
};

/** Codec of a media section with the remote side's payload type. */
export type NegotiatedVideo = {
  codec: RtcVideoCodec;
  payloadType: number;
  /** Retransmission payload type (RFC 4588); absent when not offered. */
  rtxPayloadType?: number;
  /** `a=fmtp` parameters as offered. */
  parameters?: string;
};

export type NegotiatedAudio = {
  payloadType: number /** `a=fmtp` parameters as offered (stereo, FEC, DTX). */;
  parameters?: string;
};

/** RTCP feedback that the remote side supports (RFC 4585, RFC 5104). */
export type NegotiatedFeedback = {
  nack: boolean;
  pli: boolean;
  fir: boolean;
  remb: boolean;
  transportCc: boolean;
};

/** Media that a publisher sends: one codec per kind, up to three layers (simulcast by rid, RFC 8853). */
export type PublisherPlan = {
  kind: 'publisher';
  audio?: NegotiatedAudio & { mid: string; extensions: ExtensionIds; feedback: NegotiatedFeedback };
  video?: NegotiatedVideo & {
    codec: PublishedVideoCodec;
    mid: string;
    extensions: ExtensionIds;
    feedback: NegotiatedFeedback;
    /** Layers in the order of the offer; empty for a single layer without rid. */
    rids: string[];
  };
};

/** Media that a viewer accepts: every common video codec, as the source may change its codec. */
export type ViewerPlan = {
  kind: 'viewer';
  /** Reports the sent bytes every second. Default: no. */
  reportsSentBytes?: boolean;
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
