export {
  Audience,
  type AudienceLimits,
  type AudienceOptions,
  type Joined,
  type PeakListener,
} from './audience.js';
export type { ViewerCounts, ViewerMinute } from './stream-audience.js';
