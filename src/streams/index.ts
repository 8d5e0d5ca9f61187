export { type JoinFailed, noteRefusal } from './admission/join-failed.js';
export * from './admission/publisher-admission.js';
export { isOver } from './admission/registry-refusals.js';
export * from './admission/viewer-admission.js';
export * from './admission/viewer-request.js';
export * from './broadcast/broadcast-subscriber.js';
export type { StoredBroadcast } from './broadcast/broadcast-table.js';
export * from './broadcast/encoder-run.js';
export * from './broadcast/end-reason.js';
export * from './broadcast/hls-demand.js';
export * from './broadcast/publication.js';
export * from './broadcast/relay-path.js';
export * from './broadcast/stream-change.js';
export * from './broadcast/stream-state.js';
export type { ChannelPublisher } from './livestream/channel-choice.js';
export type { LivestreamInvitee } from './livestream/livestream-invitee-table.js';
export * from './livestream/livestream-ladder.js';
export type {
  ListPage,
  Livestream,
  LivestreamChanges,
  LivestreamStatus,
  Page,
  Visibility,
} from './livestream/livestream-table.js';
export * from './livestream/livestreams.js';
export * from './stream-registry.js';
export * from './stream-registry-options.js';
