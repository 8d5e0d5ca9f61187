import { PublicError } from '../../platform/index.js';
import type {
  ExtensionIds,
  NegotiatedVideo,
  PublisherPlan,
  RtcVideoCodec,
  ViewerPlan,
} from '../media-plan.js';
import { commonAudioCodec, commonFeedback, commonVideoCodecs } from './codec-choice.js';
import type { Offer, OfferedMedia } from './offer.js';

/** Simulcast layers that a publisher may send. */
const MAXIMUM_LAYERS = 3;
/**
 * SSRCs that all viewers are sent: each has an SRTP context of its own, so they need not differ. Chromium reports with
 * small ones itself.
 */
export const VIEWER_SSRC = { audio: 0x4845_0001, video: 0x4845_0002, rtx: 0x4845_0003 } as const;

/**
 * Header extensions that are agreed upon. Video orientation is not: a camera that is held upright then turns its
 * pictures itself, and every way to the viewer, HLS too, shows them upright.
 */
const PUBLISHER_EXTENSIONS = [
  'mid',
  'rid',
  'repairedRid',
  'transportSequence',
  'absoluteCaptureTime',
] as const;
const VIEWER_EXTENSIONS = ['mid', 'absoluteCaptureTime'] as const;

/**
 * What a publisher shall send (RFC 9725 section 4.4): one codec for each kind of media. H.264 if it is offered, for what
 * decodes it everywhere and what encodes it in hardware; else the first codec of the offer that we know. One track that
 * can't be taken refuses the whole: a broadcaster must not learn afterwards that half was missing (section 4.4.3).
 *
 * @throws PublicError 406 `no_common_codec` or `too_many_tracks`, 400 `nothing_offered`
 */
export function planPublisher(offer: Offer): PublisherPlan {
  const sending = (kind: string): OfferedMedia | undefined => {
    const [first, second] = usable(offer, kind, 'sendonly');
    if (second) throw new PublicError(406, 'too_many_tracks', `There can be one ${kind} track, not several.`);
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
  // RFC 9143 section 9.1: on one transport a payload type means one thing.
  const audioPayloadType = plan.audio?.payloadType;
  if (audioPayloadType !== undefined && [plan.video?.payloadType, plan.video?.rtxPayloadType].includes(audioPayloadType))
    throw new PublicError(400, 'sdp_invalid', 'Audio and video have the same payload type.');
  return plan;
}

/**
 * What a viewer can be sent: every codec that both sides know, as the publisher's may change while they watch.
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
  const common = videoOf(media);
  const codec = common.find((candidate) => candidate.codec === 'h264') ?? common[0];
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
    // Chromium sends no REMB where transport-wide feedback is agreed, and REMB is what we listen to.
    feedback: { ...commonFeedback(media, [codec.payloadType]), transportCc: false },
    ssrc: VIEWER_SSRC.audio,
  };
}

function viewerVideo(media: OfferedMedia): NonNullable<ViewerPlan['video']> {
  const codecs = videoOf(media);
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

/** Sections of a kind whose direction allows what is wanted of the client. */
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

function videoOf(media: OfferedMedia): [NegotiatedVideo, ...NegotiatedVideo[]] {
  const [first, ...rest] = commonVideoCodecs(media);
  if (!first) throw noCommonCodec('video', VIDEO_NAMES.join(', '));
  return [first, ...rest];
}

const VIDEO_NAMES: Uppercase<RtcVideoCodec>[] = ['H264', 'VP8', 'VP9', 'AV1'];

function noCommonCodec(kind: string, names: string): PublicError {
  return new PublicError(406, 'no_common_codec', `No codec offered for ${kind} is known here: ${names}.`);
}

function nothingOffered(what: string): PublicError {
  return new PublicError(
    400,
    'nothing_offered',
    `The offer ${what}: look at the directions (a=sendonly, a=recvonly).`,
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

/** A usable section has one: see `OfferedMedia`. */
function midOf(media: OfferedMedia): string {
  return media.mid ?? '';
}
