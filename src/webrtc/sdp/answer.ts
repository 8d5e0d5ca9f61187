import { randomInt } from 'node:crypto';
import type {
  ExtensionIds,
  LocalTransport,
  NegotiatedFeedback,
  NegotiatedVideo,
  PublisherPlan,
  ViewerPlan,
} from '../media-plan.js';
import { parametersOf } from './codec-choice.js';
import { EXTENSION_URIS, type Offer, type OfferedMedia } from './offer.js';

/** Session ids have at most 62 bits (RFC 8829 section 5.2.1); this range is exact in a JavaScript number. */
const SESSION_ID_LIMIT = 2 ** 47;
const CNAME = 'headend';
/** Opus parameters that are copied to the answer (RFC 7587 section 6.1); all are numbers. */
const OPUS_PARAMETERS = ['minptime', 'maxptime', 'ptime', 'stereo', 'useinbandfec', 'usedtx', 'cbr'] as const;
const OPUS_RATES = ['maxplaybackrate', 'maxaveragebitrate'] as const;
const FEEDBACK_NAMES: readonly [keyof NegotiatedFeedback, string][] = [
  ['transportCc', 'transport-cc'],
  ['remb', 'goog-remb'],
  ['fir', 'ccm fir'],
  ['nack', 'nack'],
  ['pli', 'nack pli'],
];
const RTP_NAMES = { h264: 'H264', hevc: 'H265', vp8: 'VP8', vp9: 'VP9', av1: 'AV1' } as const;

/**
 * Writes the answer to an offer (RFC 8829 section 5.3); sections that are not in the plan are rejected. All
 * candidates are included.
 *
 * Offer text is copied only where it has passed the parser's patterns; numbers are written as numbers.
 */
export function writeAnswer(
  offer: Pick<Offer, 'media'>,
  plan: PublisherPlan | ViewerPlan,
  local: LocalTransport,
): string {
  const accepted = offer.media.filter((media) => isPlanned(media, plan));
  const answer = new SdpWriter();
  answer.line('v=0');
  answer.line(`o=- ${randomInt(1, SESSION_ID_LIMIT)} 1 IN IP4 127.0.0.1`);
  answer.line('s=-');
  answer.line('t=0 0');
  answer.line(`a=group:BUNDLE ${accepted.map(({ mid }) => mid).join(' ')}`);
  answer.line('a=msid-semantic: WMS *');
  answer.line('a=ice-options:trickle');
  for (const media of offer.media) {
    if (!isPlanned(media, plan)) {
      writeRejectedSection(answer, media);
      continue;
    }
    if (media.kind === 'audio') writeAudio(answer, media, plan, local);
    else writeVideo(answer, media, plan, local);
    // Candidates belong to the section that leads the BUNDLE group (RFC 8829 section 5.3.1).
    if (media !== accepted[0]) continue;
    for (const candidate of local.candidates) answer.line(`a=candidate:${candidate}`);
    answer.line('a=end-of-candidates');
  }
  return answer.text;
}

/** SDP lines. Throws on a line break, so that text of the client cannot inject a line. */
class SdpWriter {
  text = '';

  line(line: string): void {
    if (/[\r\n\0]/.test(line)) throw new Error('an SDP line contains a line break');
    this.text += `${line}\r\n`;
  }
}

function isPlanned(media: OfferedMedia, plan: PublisherPlan | ViewerPlan): boolean {
  if (!media.usable || media.mid === undefined) return false;
  if (media.kind === 'audio') return media.mid === plan.audio?.mid;
  return media.kind === 'video' && media.mid === plan.video?.mid;
}

/** Writes a rejected section with port 0; it keeps its position (RFC 3264 section 6). */
function writeRejectedSection(answer: SdpWriter, { kind, protocol, firstFormat, mid }: OfferedMedia): void {
  answer.line(`m=${kind} 0 ${protocol} ${firstFormat}`);
  answer.line('c=IN IP4 0.0.0.0');
  if (mid !== undefined) answer.line(`a=mid:${mid}`);
  answer.line('a=inactive');
}

function writeAudio(
  answer: SdpWriter,
  media: OfferedMedia,
  plan: PublisherPlan | ViewerPlan,
  local: LocalTransport,
): void {
  const { audio } = plan;
  if (!audio) return;
  const { payloadType } = audio;
  writeSectionHead(answer, media, [payloadType], plan, local);
  writeExtensions(answer, audio.extensions);
  answer.line(`a=rtpmap:${payloadType} opus/48000/2`);
  const parameters = opusParameters(audio.parameters);
  if (parameters) answer.line(`a=fmtp:${payloadType} ${parameters}`);
  writeFeedback(answer, payloadType, audio.feedback);
  if (plan.kind === 'viewer' && plan.audio) {
    answer.line(`a=msid:${CNAME} audio`);
    answer.line(`a=ssrc:${plan.audio.ssrc} cname:${CNAME}`);
  }
}

function writeVideo(
  answer: SdpWriter,
  media: OfferedMedia,
  plan: PublisherPlan | ViewerPlan,
  local: LocalTransport,
): void {
  const { video } = plan;
  if (!video) return;
  const codecs: NegotiatedVideo[] = 'codecs' in video ? video.codecs : [video];
  const payloadTypes = codecs.flatMap(({ payloadType, rtxPayloadType }) =>
    rtxPayloadType === undefined ? [payloadType] : [payloadType, rtxPayloadType],
  );
  writeSectionHead(answer, media, payloadTypes, plan, local);
  writeExtensions(answer, video.extensions);
  for (const codec of codecs) writeVideoCodec(answer, codec, video.feedback);
  if (plan.kind === 'publisher') writeLayers(answer, media, plan.video?.rids ?? []);
  else if (plan.video) writeVideoSource(answer, plan.video);
}

/** Writes the lines common to all accepted sections. */
function writeSectionHead(
  answer: SdpWriter,
  media: OfferedMedia,
  payloadTypes: number[],
  plan: PublisherPlan | ViewerPlan,
  local: LocalTransport,
): void {
  answer.line(`m=${media.kind} 9 ${media.protocol} ${payloadTypes.join(' ')}`);
  answer.line('c=IN IP4 0.0.0.0');
  answer.line('a=rtcp:9 IN IP4 0.0.0.0');
  answer.line(`a=ice-ufrag:${local.iceUfrag}`);
  answer.line(`a=ice-pwd:${local.icePwd}`);
  answer.line(`a=fingerprint:${local.fingerprint}`);
  answer.line(`a=setup:${local.setup}`);
  answer.line(`a=mid:${media.mid}`);
  answer.line(plan.kind === 'publisher' ? 'a=recvonly' : 'a=sendonly');
  answer.line('a=rtcp-mux');
  answer.line('a=rtcp-rsize');
}

function writeExtensions(answer: SdpWriter, extensions: ExtensionIds): void {
  for (const [name, uri] of Object.entries(EXTENSION_URIS)) {
    const id = extensions[name as keyof ExtensionIds];
    if (id !== undefined) answer.line(`a=extmap:${id} ${uri}`);
  }
}

function writeVideoCodec(answer: SdpWriter, codec: NegotiatedVideo, feedback: NegotiatedFeedback): void {
  const { payloadType, rtxPayloadType, parameters } = codec;
  answer.line(`a=rtpmap:${payloadType} ${RTP_NAMES[codec.codec]}/90000`);
  if (parameters !== undefined) answer.line(`a=fmtp:${payloadType} ${parameters}`);
  writeFeedback(answer, payloadType, feedback);
  if (rtxPayloadType === undefined) return;
  answer.line(`a=rtpmap:${rtxPayloadType} rtx/90000`);
  answer.line(`a=fmtp:${rtxPayloadType} apt=${payloadType}`);
}

function writeFeedback(answer: SdpWriter, payloadType: number, feedback: NegotiatedFeedback): void {
  for (const [key, name] of FEEDBACK_NAMES)
    if (feedback[key]) answer.line(`a=rtcp-fb:${payloadType} ${name}`);
}

/** Writes the accepted layers (RFC 8851, RFC 8853); an omitted rid is not sent. */
function writeLayers(answer: SdpWriter, media: OfferedMedia, rids: string[]): void {
  for (const rid of rids) answer.line(`a=rid:${rid} recv`);
  if (media.simulcast && rids.length > 0) answer.line(`a=simulcast:recv ${rids.join(';')}`);
}

function writeVideoSource(answer: SdpWriter, video: NonNullable<ViewerPlan['video']>): void {
  const { ssrc, rtxSsrc, codecs } = video;
  answer.line(`a=msid:${CNAME} video`);
  const hasRtx = codecs.some(({ rtxPayloadType }) => rtxPayloadType !== undefined);
  if (hasRtx) answer.line(`a=ssrc-group:FID ${ssrc} ${rtxSsrc}`);
  answer.line(`a=ssrc:${ssrc} cname:${CNAME}`);
  if (hasRtx) answer.line(`a=ssrc:${rtxSsrc} cname:${CNAME}`);
}

/**
 * Returns Opus parameters for our side. A client that offers `sprop-stereo` sends stereo only when the receiver
 * requests it (RFC 7587 section 6.1).
 */
function opusParameters(offered: string | undefined): string {
  const parameters = parametersOf(offered);
  const kept: string[] = [];
  for (const name of [...OPUS_PARAMETERS, ...OPUS_RATES]) {
    const value = parameters.get(name);
    if (value !== undefined && /^\d{1,7}$/.test(value)) kept.push(`${name}=${value}`);
  }
  if (parameters.get('sprop-stereo') === '1' && parameters.get('stereo') === undefined) kept.push('stereo=1');
  return kept.join(';');
}
