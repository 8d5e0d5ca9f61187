/** ICE candidate of the browser: the value of `a=candidate` with its name, and the mid of its section. */
export type LocalCandidate = { candidate: string; sdpMid: string | null };

/**
 * Formats candidates as an SDP fragment (RFC 8840 section 9, RFC 9725 section 4.3.1). All media are bundled, so that
 * one section suffices.
 */
export function iceFragment(offer: string, candidates: readonly LocalCandidate[]): string {
  const attribute = (name: string): string => new RegExp(`^a=${name}:(.*?)\\r?$`, 'm').exec(offer)?.[1] ?? '';
  const mid = attribute('mid');
  const section = /^m=.*?\r?$/m.exec(offer)?.[0].trim() ?? 'm=audio 9 UDP/TLS/RTP/SAVPF 0';
  return [
    `a=ice-ufrag:${attribute('ice-ufrag')}`,
    `a=ice-pwd:${attribute('ice-pwd')}`,
    section,
    `a=mid:${mid}`,
    ...candidates
      .filter(({ candidate, sdpMid }) => candidate !== '' && (sdpMid === null || sdpMid === mid))
      .map(({ candidate }) => `a=${candidate}`),
    'a=end-of-candidates',
    '',
  ].join('\r\n');
}
