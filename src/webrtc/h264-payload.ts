import type { H264ProfileBytes } from '../media/index.js';
import type { NegotiatedVideo } from './media-plan.js';

/**
 * Profiles that `profile-level-id` can name (RFC 6184 section 8.1, table 5) and that encoders make. Constrained High
 * counts as High: passed-through video has no B-frames.
 */
type Profile = 'constrained-baseline' | 'baseline' | 'main' | 'high' | 'high-444';

/** constraint_set0_flag and constraint_set1_flag: the stream also conforms to Baseline, or Main (7.4.2.1.1). */
const CONFORMS_TO_BASELINE = 0x80;
const CONFORMS_TO_MAIN = 0x40;
/** Default: Baseline (RFC 6184 section 8.1). */
const DEFAULT: Profile = 'baseline';
/** Profiles whose decoders play a stream, its own first (ITU-T H.264 A.2). */
const DECODERS: Record<Profile, readonly Profile[]> = {
  'constrained-baseline': ['constrained-baseline', 'baseline', 'main', 'high', 'high-444'],
  baseline: ['baseline'],
  main: ['main', 'high', 'high-444'],
  high: ['high', 'high-444'],
  'high-444': ['high-444'],
};
/** packetization-mode=1, in which the packets of encoders are (RFC 6184 section 6.3). */
const NON_INTERLEAVED = /(?:^|;)\s*packetization-mode=1\s*(?:;|$)/i;
const PROFILE_LEVEL_ID = /profile-level-id=([\da-f]{2})([\da-f]{2})[\da-f]{2}/i;

function profileOf({ idc, constraints }: H264ProfileBytes): Profile | undefined {
  switch (idc) {
    case 66:
      return constraints & CONFORMS_TO_MAIN ? 'constrained-baseline' : 'baseline';
    case 77:
      return constraints & CONFORMS_TO_BASELINE ? 'constrained-baseline' : 'main';
    case 100:
      return 'high';
    case 244:
      return 'high-444';
    default:
      return undefined;
  }
}

/** Returns the profile of `a=fmtp` parameters; undefined for one that is not used here. */
function profileOfParameters(parameters: string | undefined): Profile | undefined {
  const [, idc, constraints] = PROFILE_LEVEL_ID.exec(parameters ?? '') ?? [];
  if (idc === undefined || constraints === undefined) return DEFAULT;
  return profileOf({ idc: Number.parseInt(idc, 16), constraints: Number.parseInt(constraints, 16) });
}

/**
 * Returns the H.264 payload types to accept from a viewer, as the profile of a source is known only when it sends, and
 * may change: the first of each profile in packetization mode 1, else the best one.
 *
 * @param offered best first.
 */
export function h264ToAccept(offered: readonly NegotiatedVideo[]): NegotiatedVideo[] {
  const profiles = new Set<Profile>();
  const accepted = offered.filter(({ parameters }) => {
    const profile = NON_INTERLEAVED.test(parameters ?? '') ? profileOfParameters(parameters) : undefined;
    if (profile === undefined || profiles.has(profile)) return false;
    profiles.add(profile);
    return true;
  });
  return accepted.length > 0 ? accepted : offered.slice(0, 1);
}

/**
 * Returns the payload type for a stream: that of its profile, else of one whose decoders play it, else the first of
 * packetization mode 1, as most decoders play any profile.
 *
 * @param codecs H.264 payload types of a viewer, best first.
 */
export function h264ToSend(
  codecs: readonly NegotiatedVideo[],
  profile: H264ProfileBytes | undefined,
): NegotiatedVideo | undefined {
  const known = profile && profileOf(profile);
  const usable = codecs.filter(({ parameters }) => NON_INTERLEAVED.test(parameters ?? ''));
  for (const decoder of known ? DECODERS[known] : []) {
    const found = usable.find(({ parameters }) => profileOfParameters(parameters) === decoder);
    if (found) return found;
  }
  return usable[0] ?? codecs[0];
}
