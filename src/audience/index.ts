export {
  Audience,
  type AudienceOptions,
  type Joined,
  type PeakListener,
} from './audience.js';
export type { AudienceLimits } from './audience-limits.js';
export { RecordingAdmission, type RecordingAdmissionOptions } from './recording-admission.js';
export type { ViewerCounts, ViewerMinute } from './stream-audience.js';
export type { AnalyzedTime, ViewAnalysis } from './view-history-table.js';
