import { PublicError } from '../../platform/index.js';
import type { ExtensionIds, RemoteTransport } from '../media-plan.js';
import {
  attributeOf,
  ICE_PWD,
  ICE_UFRAG,
  PARAMETERS,
  PROTOCOL,
  RID,
  SDP_LIMITS,
  type SdpLine,
  sdpError,
  sdpLines,
  TOKEN,
} from './grammar.js';

export type Direction = 'sendrecv' | 'sendonly' | 'recvonly' | 'inactive';

/** Payload type of a section. */
export type OfferedCodec = {
  payloadType: number;
  /** Lower case: codec names are case-insensitive (RFC 8866 section 6.6). */
  name: string;
  clockRate: number;
  channels: number;
  /** `a=fmtp` as offered; visible ASCII. */
  parameters: string | undefined;
  /** `a=rtcp-fb` values, including those for all payload types. */
  feedback: ReadonlySet<string>;
};

/** Media section. All text has passed a pattern without line breaks. */
export type OfferedMedia = {
  /** `audio`, `video`, `application` and so on. */
  kind: string;
  protocol: string;
  /** First format of the `m=` line, repeated in a rejection. */
  firstFormat: string;
  /** Undefined only in unusable sections. */
  mid: string | undefined;
  /** Has a port, is in the BUNDLE group and uses RTP over DTLS. */
  usable: boolean;
  direction: Direction;
  /** Codecs in the order of preference. */
  codecs: OfferedCodec[];
  extensions: ExtensionIds;
  /** Layers offered, in the order of `a=simulcast` or else of `a=rid`. */
  rids: string[];
  simulcast: boolean;
};

/** Parsed offer of a client. */
export type Offer = { media: OfferedMedia[]; transport: RemoteTransport };

/** URIs (RFC 8285) of the supported header extensions. */
export const EXTENSION_URIS = {
  mid: 'urn:ietf:params:rtp-hdrext:sdes:mid',
  rid: 'urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id',
  repairedRid: 'urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id',
  transportSequence: 'http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01',
  orientation: 'urn:3gpp:video-orientation',
  absoluteCaptureTime: 'http://www.webrtc.org/experiments/rtp-hdrext/abs-capture-time',
  audioLevel: 'urn:ietf:params:rtp-hdrext:ssrc-audio-level',
  contentType: 'http://www.webrtc.org/experiments/rtp-hdrext/video-content-type',
} as const satisfies Record<keyof ExtensionIds, string>;

/** Fingerprint bytes by hash function (RFC 8122 section 5); weak functions are rejected. */
const FINGERPRINT_BYTES: Record<string, number> = { 'sha-256': 32, 'sha-384': 48, 'sha-512': 64 };
const DIRECTIONS: readonly string[] = ['sendrecv', 'sendonly', 'recvonly', 'inactive'];
/** Payload types that collide with RTCP on a shared port (RFC 5761 section 4). */
const RTCP_TYPES = { first: 64, last: 95 } as const;
/** RFC 5764 section 8 and RFC 8829 section 5.1.2. */
const RTP_OVER_DTLS = /^(UDP|TCP)\/TLS\/RTP\/SAVPF?$|^RTP\/SAVPF?$/;
const MEDIA = /^(\S+) (\d{1,5})(?:\/\d+)? (\S+) (\S+)( .*)?$/;
const RTPMAP = /^(\d{1,3}) ([^/\s]{1,64})\/(\d{1,9})(?:\/(\d{1,2}))?$/;
const FMTP = /^(\d{1,3}) +(.+?) *$/;
const RTCP_FB = /^(\d{1,3}|\*) (.+?) *$/;
const EXTMAP = /^(\d{1,3})(?:\/(?:sendrecv|sendonly|recvonly|inactive))? (\S+)/;
const RID_LINE = /^(\S+) (send|recv)(?: |$)/;

/**
 * Parses a WebRTC offer (RFC 8829).
 *
 * @throws PublicError 413 `sdp_too_large`, 400 `sdp_invalid` or `bundle_required`; the message names the fault.
 */
export function parseOffer(text: string): Offer {
  const lines = sdpLines(text);
  if (lines[0]?.type !== 'v' || lines[0].value !== '0') throw sdpError('it does not begin with v=0', 1);
  const session: SdpLine[] = [];
  const sections: { m: SdpLine; lines: SdpLine[] }[] = [];
  for (const line of lines) {
    const section = sections.at(-1);
    if (line.type === 'm') sections.push({ m: line, lines: [] });
    else (section?.lines ?? session).push(line);
  }
  if (sections.length === 0) throw sdpError('it describes no media');
  if (sections.length > SDP_LIMITS.sections) throw sdpError('it has too many media sections');
  const shared = transportLines(session);
  const read = sections.map((section) => readSection(section.m, section.lines));
  const bundle = bundleOf(session, read);
  const mids = new Set<string>();
  for (const { mid, line } of read) {
    if (mid === undefined) continue;
    if (mids.has(mid)) throw sdpError('two sections have the same a=mid', line);
    mids.add(mid);
  }
  const media = read.map(({ line: _, transport: __, ...section }) => ({
    ...section,
    usable: section.usable && section.mid !== undefined && bundle.has(section.mid),
  }));
  const leader = read.find(({ mid, usable }) => usable && mid !== undefined && bundle.has(mid));
  if (!leader) throw sdpError('no section of audio or video is usable: they need a=mid and one BUNDLE group');
  return { media, transport: transportOf({ ...shared, ...leader.transport }, leader.line) };
}

type ReadSection = OfferedMedia & { line: number; transport: TransportLines };

function readSection(m: SdpLine, lines: SdpLine[]): ReadSection {
  const match = MEDIA.exec(m.value);
  const [, kind = '', port = '', protocol = '', firstFormat = ''] = match ?? [];
  if (!match || !TOKEN.test(kind) || !PROTOCOL.test(protocol) || !TOKEN.test(firstFormat))
    throw sdpError('an m= line is malformed', m.number);
  const attributes = new SectionAttributes();
  for (const line of lines) if (line.type === 'a') attributes.read(line);
  const isRtp = (kind === 'audio' || kind === 'video') && RTP_OVER_DTLS.test(protocol);
  // A bundle-only section has port 0 in the offer (RFC 9143 section 7.2.1).
  const offered = port !== '0' || attributes.bundleOnly;
  const usable = isRtp && offered;
  if (usable && !attributes.rtcpMux) throw sdpError('a section has no a=rtcp-mux', m.number);
  const formats = [firstFormat, ...(match[5] ?? '').split(' ').filter(Boolean)];
  if (formats.length > SDP_LIMITS.formats) throw sdpError('a section has too many formats', m.number);
  return {
    kind,
    protocol,
    firstFormat,
    mid: attributes.mid,
    usable,
    direction: attributes.direction,
    codecs: isRtp ? attributes.codecs(formats) : [],
    extensions: attributes.extensions,
    rids: attributes.sendRids(),
    simulcast: attributes.simulcast !== undefined,
    line: m.number,
    transport: transportLines(lines),
  };
}

/** Accumulates the attributes of a section. */
class SectionAttributes {
  mid: string | undefined;
  bundleOnly = false;
  rtcpMux = false;
  direction: Direction = 'sendrecv';
  readonly extensions: ExtensionIds = {};
  simulcast: string[] | undefined;
  readonly #maps = new Map<number, { name: string; clockRate: number; channels: number }>();
  readonly #parameters = new Map<number, string>();
  readonly #feedback = new Map<number | '*', Set<string>>();
  readonly #rids: string[] = [];

  read({ number, value: text }: SdpLine): void {
    const { name, value } = attributeOf(text);
    switch (name) {
      case 'mid':
        if (!TOKEN.test(value)) throw sdpError('an a=mid is malformed', number);
        this.mid = value;
        break;
      case 'rtpmap':
        this.#map(value, number);
        break;
      case 'fmtp': {
        const match = FMTP.exec(value);
        if (!match) break; // empty value
        const parameters = match[2] ?? '';
        if (parameters.length > SDP_LIMITS.parameters || !PARAMETERS.test(parameters))
          throw sdpError('an a=fmtp is malformed', number);
        this.#parameters.set(Number(match[1]), parameters);
        break;
      }
      case 'rtcp-fb': {
        const match = RTCP_FB.exec(value);
        if (!match) throw sdpError('an a=rtcp-fb is malformed', number);
        const key = match[1] === '*' ? '*' : Number(match[1]);
        const known = this.#feedback.get(key) ?? new Set();
        this.#feedback.set(key, known.add(match[2] ?? ''));
        break;
      }
      case 'extmap':
        this.#extension(value, number);
        break;
      case 'rid':
        this.#rid(value, number);
        break;
      case 'simulcast':
        this.#simulcast(value, number);
        break;
      case 'bundle-only':
        this.bundleOnly = true;
        break;
      case 'rtcp-mux':
      case 'rtcp-mux-only':
        this.rtcpMux = true;
        break;
      default:
        if (DIRECTIONS.includes(name)) this.direction = name as Direction;
    }
  }

  codecs(formats: string[]): OfferedCodec[] {
    const codecs: OfferedCodec[] = [];
    for (const format of new Set(formats)) {
      const payloadType = Number(format);
      const map = this.#maps.get(payloadType);
      if (!map || (payloadType >= RTCP_TYPES.first && payloadType <= RTCP_TYPES.last)) continue;
      codecs.push({
        payloadType,
        ...map,
        parameters: this.#parameters.get(payloadType),
        feedback: new Set([...(this.#feedback.get('*') ?? []), ...(this.#feedback.get(payloadType) ?? [])]),
      });
    }
    return codecs;
  }

  sendRids(): string[] {
    return this.simulcast ? this.simulcast.filter((rid) => this.#rids.includes(rid)) : this.#rids;
  }

  #map(value: string, number: number): void {
    const match = RTPMAP.exec(value);
    const payloadType = Number(match?.[1]);
    if (!match || payloadType > 127) throw sdpError('an a=rtpmap is malformed', number);
    if (this.#maps.size >= SDP_LIMITS.formats) throw sdpError('a section has too many formats', number);
    this.#maps.set(payloadType, {
      name: (match[2] ?? '').toLowerCase(),
      clockRate: Number(match[3]),
      channels: Number(match[4] ?? 1),
    });
  }

  #extension(value: string, number: number): void {
    const match = EXTMAP.exec(value);
    const id = Number(match?.[1]);
    // Two-byte headers have ids up to 255 (RFC 8285 section 4.3); larger ids are reserved for negotiation.
    if (!match || id < 1) throw sdpError('an a=extmap is malformed', number);
    for (const [name, uri] of Object.entries(EXTENSION_URIS))
      if (match[2] === uri && id <= 255) this.extensions[name as keyof ExtensionIds] = id;
  }

  #rid(value: string, number: number): void {
    const match = RID_LINE.exec(value);
    const rid = match?.[1] ?? '';
    if (!match || !RID.test(rid))
      throw sdpError('an a=rid is malformed or longer than 16 characters', number);
    if (match[2] !== 'send' || this.#rids.includes(rid)) return;
    if (this.#rids.length >= SDP_LIMITS.rids) throw sdpError('a section has too many rids', number);
    this.#rids.push(rid);
  }

  /** Parses `send a;b,c;~d` (RFC 8853 section 5.1): takes the first of alternatives; a tilde marks a paused layer. */
  #simulcast(value: string, number: number): void {
    const words = value.split(' ').filter(Boolean);
    const at = words.indexOf('send');
    if (words.length % 2 !== 0) throw sdpError('an a=simulcast is malformed', number);
    if (at < 0) return;
    const streams = (words[at + 1] ?? '').split(';');
    this.simulcast = streams.map((stream) => (stream.split(',')[0] ?? '').replace(/^~/, ''));
    if (!this.simulcast.every((rid) => RID.test(rid)))
      throw sdpError('an a=simulcast names a rid that is malformed', number);
  }
}

/** Returns the mids of the BUNDLE group (RFC 9143). A single section needs no group. */
function bundleOf(session: SdpLine[], sections: ReadSection[]): ReadonlySet<string> {
  for (const { type, value } of session) {
    const match = type === 'a' ? /^group:BUNDLE((?: \S+)*)$/.exec(value.trimEnd()) : undefined;
    if (match) return new Set((match[1] ?? '').split(' ').filter(Boolean));
  }
  const usable = sections.filter((section) => section.usable && section.mid !== undefined);
  if (usable.length > 1)
    throw new PublicError(400, 'bundle_required', 'Audio and video must share one transport: use BUNDLE.');
  return new Set(usable.flatMap(({ mid }) => (mid === undefined ? [] : [mid])));
}

type TransportLines = { ufrag?: string; pwd?: string; fingerprint?: string; setup?: string };

function transportLines(lines: SdpLine[]): TransportLines {
  const found: TransportLines = {};
  for (const { type, value: text } of lines) {
    if (type !== 'a') continue;
    const { name, value } = attributeOf(text);
    if (name === 'ice-ufrag') found.ufrag = value.trim();
    else if (name === 'ice-pwd') found.pwd = value.trim();
    else if (name === 'setup') found.setup = value.trim();
    else if (name === 'fingerprint') {
      // Several hash functions may be offered; one valid fingerprint suffices.
      const fingerprint = normalFingerprint(value);
      if (fingerprint !== undefined || found.fingerprint === undefined) found.fingerprint = fingerprint ?? '';
    }
  }
  return found;
}

function transportOf(lines: TransportLines, line: number): RemoteTransport {
  const { ufrag = '', pwd = '', fingerprint, setup = 'active' } = lines;
  if (!ICE_UFRAG.test(ufrag)) throw sdpError('a=ice-ufrag is missing or malformed', line);
  if (!ICE_PWD.test(pwd)) throw sdpError('a=ice-pwd is missing or malformed', line);
  if (fingerprint === undefined) throw sdpError('a=fingerprint is missing', line);
  if (fingerprint === '') throw sdpError('a=fingerprint must be SHA-256, SHA-384 or SHA-512', line);
  // An offer without a=setup is active (RFC 4145 section 4.1).
  if (setup !== 'actpass' && setup !== 'active' && setup !== 'passive')
    throw sdpError('a=setup must be actpass, active or passive', line);
  return { iceUfrag: ufrag, icePwd: pwd, fingerprint, setup };
}

/** Normalizes a fingerprint: hash function in lower case, bytes in upper case; undefined when malformed or weak. */
function normalFingerprint(value: string): string | undefined {
  const [hash = '', bytes = ''] = value.trim().split(/ +/);
  const digits = FINGERPRINT_BYTES[hash.toLowerCase()];
  if (digits === undefined || !/^[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2})*$/.test(bytes)) return undefined;
  if (bytes.length !== digits * 3 - 1) return undefined;
  return `${hash.toLowerCase()} ${bytes.toUpperCase()}`;
}
