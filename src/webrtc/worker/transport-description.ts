import net from 'node:net';
import type { LocalTransport, RemoteTransport } from '../media-plan.js';

/** Values of the single media line. */
export const MEDIA_ID = '0';
export const PAYLOAD_TYPE = 96;
const LOOPBACK_CANDIDATE = '127.0.0.1';
/** Priority of host candidates: best local preference, component 1 (RFC 8445 section 5.1.2.2). */
const HOST_PRIORITY = 2 ** 24 * 126 + 2 ** 8 * 65_535 + 255;

/**
 * Builds the description that makes libdatachannel a plain ICE, DTLS and SRTP transport. With a single media line it
 * does not demultiplex by SSRC, so all RTP and RTCP reaches one track; `sendrecv`, because it enforces directions.
 * Candidates of clients are omitted: the remote side's checks create peer-reflexive pairs, and nothing is sent to an
 * address that a client has only named. Only servers that this gateway connects to have some.
 */
export function transportDescription(remote: RemoteTransport): string {
  return [
    'v=0',
    'o=- 1 1 IN IP4 127.0.0.1',
    's=-',
    't=0 0',
    `a=group:BUNDLE ${MEDIA_ID}`,
    'a=msid-semantic:WMS *',
    `m=video 9 UDP/TLS/RTP/SAVPF ${PAYLOAD_TYPE}`,
    'c=IN IP4 0.0.0.0',
    `a=mid:${MEDIA_ID}`,
    'a=sendrecv',
    'a=rtcp-mux',
    `a=rtpmap:${PAYLOAD_TYPE} VP8/90000`,
    `a=fingerprint:${remote.fingerprint}`,
    `a=setup:${remote.setup}`,
    `a=ice-ufrag:${remote.iceUfrag}`,
    `a=ice-pwd:${remote.icePwd}`,
    ...(remote.candidates ?? []).map(
      ({ address, port }, i) => `a=candidate:${i + 1} 1 UDP ${HOST_PRIORITY - i} ${address} ${port} typ host`,
    ),
    '',
  ].join('\r\n');
}

/** Characters that would start another line in an attribute value. */
const UNSAFE = /[\0\r\n]/;

/** Checks the values of a transport. @throws Error when one contains a line break */
export function assertSafe(remote: RemoteTransport): void {
  for (const value of [remote.fingerprint, remote.setup, remote.iceUfrag, remote.icePwd])
    if (UNSAFE.test(value)) throw new Error('a value of the transport description contains a line break');
  for (const { address, port } of remote.candidates ?? [])
    if (net.isIP(address) === 0 || !Number.isInteger(port)) throw new Error('a candidate is no IP address');
}

export type CandidateOptions = { port: number; publicIps: readonly string[] };

/** Reads the local transport from libdatachannel's description; undefined when it is incomplete. */
export function readLocalTransport(sdp: string, options: CandidateOptions): LocalTransport | undefined {
  const value = (name: string): string | undefined => new RegExp(`^a=${name}:(.*?)\\r?$`, 'm').exec(sdp)?.[1];
  const iceUfrag = value('ice-ufrag');
  const icePwd = value('ice-pwd');
  const fingerprint = value('fingerprint');
  const setup = value('setup');
  if (!iceUfrag || !icePwd || !fingerprint) return undefined;
  const gathered = [...sdp.matchAll(/^a=candidate:(.*?)\r?$/gm)].map((match) => match[1]!);
  return {
    iceUfrag,
    icePwd,
    fingerprint,
    setup: setup === 'passive' || setup === 'actpass' ? setup : 'active',
    candidates: candidatesFor(gathered, options),
  };
}

/**
 * Returns the announced candidates: public addresses replace gathered ones of the same family. A host without a
 * network announces loopback.
 */
function candidatesFor(gathered: readonly string[], { port, publicIps }: CandidateOptions): string[] {
  const replaced = new Set(publicIps.map((address) => net.isIP(address)));
  const kept = gathered.filter((candidate) => !replaced.has(net.isIP(candidate.split(' ')[4] ?? '')));
  const addresses = publicIps.length === 0 && kept.length === 0 ? [LOOPBACK_CANDIDATE] : publicIps;
  const written = addresses.map(
    (address, i) => `${i + 1000} 1 UDP ${HOST_PRIORITY - i} ${address} ${port} typ host`,
  );
  return [...written, ...kept];
}
