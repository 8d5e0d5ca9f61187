import { isIP } from 'node:net';
import type { RemoteCandidate } from '../media-plan.js';
import { attributeOf, sdpLines } from './grammar.js';

/** Candidates that are used; further ones are ignored. */
const MAXIMUM_CANDIDATES = 16;
const MAXIMUM_PORT = 65_535;

/**
 * Reads the UDP candidates of a description (RFC 8839 section 5.1) that are IP addresses: names, mDNS ones too, are not
 * resolved.
 *
 * @throws PublicError 413 `sdp_too_large`, 400 `sdp_invalid`
 */
export function readRemoteCandidates(text: string): RemoteCandidate[] {
  const candidates: RemoteCandidate[] = [];
  for (const { type, value } of sdpLines(text)) {
    const { name, value: candidate } = attributeOf(value);
    if (type !== 'a' || name !== 'candidate') continue;
    const [, component, transport = '', , address = '', portText] = candidate.split(' ');
    const port = Number(portText);
    if (component !== '1' || transport.toLowerCase() !== 'udp' || isIP(address) === 0) continue;
    if (!Number.isInteger(port) || port < 1 || port > MAXIMUM_PORT || address.includes('%')) continue;
    if (candidates.length < MAXIMUM_CANDIDATES) candidates.push({ address, port });
  }
  return candidates;
}
