import { PublicError } from '../../platform/index.js';
import { h264ToAccept } from '../h264-payload.js';
import type {
  ExtensionIds,
  NegotiatedVideo,
  PublishedVideoCodec,
  PublisherPlan,
  ViewerPlan,
} from '../media-plan.js';
import { commonAudioCodec, commonFeedback, commonVideoCodecs } from './codec-choice.js';
import type { Offer, OfferedMedia } from './offer.js';

/** Maximum simulcast layers of a publisher. */
const MAXIMUM_LAYERS = 3;
/**
 * SSRCs used towards all viewers; each viewer has its own SRTP context, so they may be equal. Small values would
 * collide with Chromium's own report SSRCs.
 */
export const VIEWER_SSRC = { audio: 0x4845_0001, video: 0x4845_0002, rtx: 0x4845_0003 } as const;

/**
 * Negotiated header extensions. Without video orientation the sender rotates its frames itself, so that HLS shows
 * them upright too.
 */
const PUBLISHER_EXTENSIONS = [
  'mid',
  'rid',
  'repairedRid',
  'transportSequence',
  'absoluteCaptureTime',
  'audioLevel',
  'contentType',
] as const;
const VIEWER_EXTENSIONS = ['mid', 'absoluteCaptureTime'] as const;

/**
 * Plans what a publisher sends (RFC 9725 section 4.4): one codec per kind. Prefers H.264, which is decoded everywhere
 * and encoded in hardware; else the first common codec of the offer. One unsupported track rejects the offer (section
 * 4.4.3).
 *
 * @throws PublicError 406 `no_common_codec` or `too_many_tracks`, 400 `nothing_offered`
 */
export function planPublisher(offer: Offer): PublisherPlan {
  const sending = (kind: string): OfferedMedia | undefined => {
    const [first, second] = usable(offer, kind, 'sendonly');
    if (second) throw new PublicError(406, 'too_many_tracks', `Only one ${kind} track is supported.`);
    return first;
  };
  const audio = sending('audio');
  const video = sending('video');
  if (!audio && !video) throw nothingOffered('sends neither audio nor video');
  const plan: PublisherPlan = {
    kind: 'publisher',
    ...(audio && { audio: publisherAudio(audio) }),
    ...(video && { video: publisherVideo(video) }),
  };
  // On one transport a payload type has one meaning (RFC 9143 section 9.1).
  const audioPayloadType = plan.audio?.payloadType;
  if (
    audioPayloadType !== undefined &&
    [plan.video?.payloadType, plan.video?.rtxPayloadType].includes(audioPayloadType)
  )
    throw new PublicError(400, 'sdp_invalid', 'Audio and video have the same payload type.');
  return plan;
}

/**
 * Plans what a viewer is sent: every common codec and every profile of H.264, as the publisher's may change.
 *
 * @throws PublicError 406 `no_common_codec`, 400 `nothing_offered`
 */
export function planViewer(offer: Offer): ViewerPlan {
  const [audio] = usable(offer, 'audio', 'recvonly');
  const [video] = usable(offer, 'video', 'recvonly');
  if (!audio && !video) throw nothingOffered('takes neither audio nor video');
  return {
    kind: 'viewer',
    ...(audio && { audio: viewerAudio(audio) }),
    ...(video && { video: viewerVideo(video) }),
  };
}

function publisherAudio(media: OfferedMedia): NonNullable<PublisherPlan['audio']> {
  const codec = opusOf(media);
  return {
    ...codec,
    mid: midOf(media),
    extensions: pick(media, PUBLISHER_EXTENSIONS),
    feedback: commonFeedback(media, [codec.payloadType]),
  };
}

function publisherVideo(media: OfferedMedia): NonNullable<PublisherPlan['video']> {
  const common = videoOf(media, (payloadTypes) => payloadTypes.slice(0, 1)).filter(isPublishable);
  const codec = common.find((candidate) => candidate.codec === 'h264') ?? common[0];
  if (!codec) throw noCommonCodec('video', VIDEO_NAMES.join(', '));
  return {
    ...codec,
    mid: midOf(media),
    extensions: pick(media, PUBLISHER_EXTENSIONS),
    feedback: commonFeedback(media, [codec.payloadType]),
    rids: media.extensions.rid === undefined ? [] : media.rids.slice(0, MAXIMUM_LAYERS),
  };
}

function viewerAudio(media: OfferedMedia): NonNullable<ViewerPlan['audio']> {
  const codec = opusOf(media);
  return {
    ...codec,
    mid: midOf(media),
    extensions: pick(media, VIEWER_EXTENSIONS),
    // Chromium sends no REMB with transport-wide feedback, and layer selection needs REMB.
    feedback: { ...commonFeedback(media, [codec.payloadType]), transportCc: false },
    ssrc: VIEWER_SSRC.audio,
  };
}

function viewerVideo(media: OfferedMedia): NonNullable<ViewerPlan['video']> {
  const codecs = videoOf(media, (payloadTypes) =>
    payloadTypes[0]?.codec === 'h264' ? h264ToAccept(payloadTypes) : payloadTypes.slice(0, 1),
  );
  const payloadTypes = codecs.map(({ payloadType }) => payloadType);
  return {
    mid: midOf(media),
    codecs,
    extensions: pick(media, VIEWER_EXTENSIONS),
    feedback: { ...commonFeedback(media, payloadTypes), transportCc: false },
    ssrc: VIEWER_SSRC.video,
    rtxSsrc: VIEWER_SSRC.rtx,
  };
}

/** Returns usable sections of a kind with a matching direction. */
function usable(offer: Offer, kind: string, direction: 'sendonly' | 'recvonly'): OfferedMedia[] {
  return offer.media.filter(
    (media) =>
      media.usable &&
      media.kind === kind &&
      (media.direction === direction || media.direction === 'sendrecv'),
  );
}

function opusOf(media: OfferedMedia): NonNullable<ReturnType<typeof commonAudioCodec>> {
  const codec = commonAudioCodec(media);
  if (!codec) throw noCommonCodec('audio', 'Opus');
  return codec;
}

/** @param accept chooses from the payload types of a codec, best first. */
function videoOf(
  media: OfferedMedia,
  accept: (payloadTypes: NegotiatedVideo[]) => NegotiatedVideo[],
): [NegotiatedVideo, ...NegotiatedVideo[]] {
  const [first, ...rest] = commonVideoCodecs(media).flatMap(accept);
  if (!first) throw noCommonCodec('video', VIDEO_NAMES.join(', '));
  return [first, ...rest];
}

/** HEVC of publishers is not taken: ffmpeg makes no HLS of it, and few viewers play it. */
function isPublishable(video: NegotiatedVideo): video is NegotiatedVideo & { codec: PublishedVideoCodec } {
  return video.codec !== 'hevc';
}

const VIDEO_NAMES: Uppercase<PublishedVideoCodec>[] = ['H264', 'VP8', 'VP9', 'AV1'];

function noCommonCodec(kind: string, names: string): PublicError {
  return new PublicError(
    406,
    'no_common_codec',
    `No offered ${kind} codec is supported. Supported: ${names}.`,
  );
}

function nothingOffered(fault: string): PublicError {
  return new PublicError(
    400,
    'nothing_offered',
    `The offer ${fault}: check the directions (a=sendonly, a=recvonly).`,
  );
}

function pick(media: OfferedMedia, names: readonly (keyof ExtensionIds)[]): ExtensionIds {
  const picked: ExtensionIds = {};
  for (const name of names) {
    const id = media.extensions[name];
    if (id !== undefined) picked[name] = id;
  }
  return picked;
}

/** Usable sections have a mid; see `OfferedMedia`. */
function midOf(media: OfferedMedia): string {
  return media.mid ?? '';
}
