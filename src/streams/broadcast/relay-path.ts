/**
 * Gateways that a stream has passed, as their ids. RTMP carries it as `relayPath` in `connect` and in the metadata, WHIP
 * in the header `Relay-Path`; so a gateway recognises a broadcast that comes back to it over others.
 */
export type RelayPath = readonly string[];

/** Gateways that a stream may pass before this one. */
export const MAXIMUM_RELAYS = 8;
const ID = /^[0-9a-f]{16}$/;
/** As long as a path that is too long by one. */
const MAXIMUM_CHARACTERS = 17 * (MAXIMUM_RELAYS + 1);

/** Reads a path that a peer sent: ids separated by commas; others are left out. */
export function parseRelayPath(value: unknown): RelayPath {
  if (typeof value !== 'string') return [];
  return value
    .slice(0, MAXIMUM_CHARACTERS)
    .split(',')
    .map((id) => id.trim())
    .filter((id) => ID.test(id));
}

export function writeRelayPath(path: RelayPath): string {
  return path.join(',');
}

/** Returns the reason why a stream that took this path is refused; undefined if it is accepted. */
export function relayRefusal(path: RelayPath, ownId: string): string | undefined {
  if (path.includes(ownId)) return 'This stream comes from this server itself: remove the restream target.';
  if (path.length > MAXIMUM_RELAYS) return 'This stream has passed too many servers.';
  return undefined;
}
