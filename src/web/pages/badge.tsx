import type { Badge as BadgeData } from './playback-state.js';

/** The state of a stream in a word. */
export function Badge({ badge }: { badge: BadgeData }) {
  return <span class={`badge ${badge.tone}`}>{badge.text}</span>;
}
