export * from './admission.js';
export * from './broadcast-guest.js';
export type { ChannelPublisher } from './channel-choice.js';
export * from './encoder-run.js';
export * from './end-reason.js';
export type { LivestreamGuest } from './livestream-guest-table.js';
export type {
  Livestream,
  LivestreamChanges,
  LivestreamStatus,
  Page,
  Visibility,
} from './livestream-table.js';
export * from './publication.js';
export * from './stream-change.js';
export * from './stream-state.js';
export * from './streams.js';
export * from './viewer-gate.js';
