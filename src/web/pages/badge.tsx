import type { Badge as BadgeData } from './playback-state.js';

/** Badge with the state of a stream. */
export function Badge({ badge }: { badge: BadgeData }) {
  return <span class={`badge ${badge.tone}`}>{badge.text}</span>;
}
