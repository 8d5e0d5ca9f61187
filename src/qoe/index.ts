export { type Distribution, distributionOf, lowDistributionOf } from './histogram.js';
export type { JoinFailureCount } from './join-failures.js';
export * from './qoe.js';
export type { BroadcastQoe } from './qoe-table.js';
export { DELIVERIES, FALL_REASONS, type QoeSample } from './qoe-totals.js';
