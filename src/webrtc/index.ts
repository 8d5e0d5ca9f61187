export * from './media-plan.js';
export * from './pool-types.js';
