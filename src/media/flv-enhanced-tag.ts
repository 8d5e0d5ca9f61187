import { PLAIN_TRACK, type TrackSelection } from './track-selection.js';

/** Packet types of the two wrappers; audio and video number them differently. */
export type EnhancedWrappers = { multitrack: number; modEx: number };

/** Enhanced RTMP v2, "AvMultitrackType". */
const MULTITRACK = { oneTrack: 0, manyTracks: 1, manyTracksManyCodecs: 2 } as const;
const FOUR_CC_SIZE = 4;
const HEADER_SIZE = 1 + FOUR_CC_SIZE;
/** A ModEx size of 256 in eight bits announces one of 16 bits. */
const LONG_MOD_EX = 256;

/**
 * Reduces an enhanced tag body with ModEx headers (nanosecond offsets) or several tracks to an ordinary one: header byte,
 * FourCC and data of the selected track (Enhanced RTMP v2, "ExVideoTagHeader", "ExAudioTagHeader"). Writes the header in
 * place, in front of the data, which is not copied.
 *
 * @returns 'other-track' when the selected track is not in it, undefined when it is malformed
 */
export function unwrapEnhancedTag(
  body: Buffer,
  { multitrack, modEx }: EnhancedWrappers,
  tracks: TrackSelection,
): Buffer | 'other-track' | undefined {
  const upper = body[0]! & 0xf0;
  let type = body[0]! & 0x0f;
  let at = 0; // of the byte that holds `type`
  while (type === modEx) {
    if (body.length < at + 4) return undefined;
    const short = body[at + 1]! + 1;
    at += short === LONG_MOD_EX ? 4 + body.readUInt16BE(at + 2) + 1 : 2 + short;
    if (at >= body.length) return undefined;
    type = body[at]! & 0x0f;
  }
  if (type !== multitrack) {
    tracks.note(PLAIN_TRACK);
    body[at] = upper | type;
    return body.subarray(at);
  }
  if (body.length < at + 2) return undefined;
  const kind = body[at + 1]! >> 4;
  type = body[at + 1]! & 0x0f;
  if (type === multitrack || type === modEx) return undefined;
  return playedTrack(body, at + 2, kind, upper | type, tracks);
}

function playedTrack(
  body: Buffer,
  start: number,
  kind: number,
  header: number,
  tracks: TrackSelection,
): Buffer | 'other-track' | undefined {
  if (kind > MULTITRACK.manyTracksManyCodecs) return undefined;
  const shared = kind !== MULTITRACK.manyTracksManyCodecs;
  let fourCcAt = start;
  let at = shared ? start + FOUR_CC_SIZE : start;
  let played: { fourCcAt: number; dataAt: number; end: number } | undefined;
  while (at < body.length) {
    if (!shared) {
      fourCcAt = at;
      at += FOUR_CC_SIZE;
    }
    const sized = kind !== MULTITRACK.oneTrack;
    const dataAt = at + (sized ? 4 : 1);
    if (dataAt > body.length) return undefined;
    const end = sized ? dataAt + body.readUIntBE(at + 1, 3) : body.length;
    if (end > body.length) return undefined;
    tracks.note(body[at]!);
    if (body[at] === tracks.played) played = { fourCcAt, dataAt, end };
    at = end;
  }
  if (!played) return 'other-track';
  const single = body.subarray(played.dataAt - HEADER_SIZE, played.end);
  body.copy(single, 1, played.fourCcAt, played.fourCcAt + FOUR_CC_SIZE);
  single[0] = header;
  return single;
}
