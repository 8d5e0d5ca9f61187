export type { AudioMeter, OpenAudioMeter } from './audio-meters.js';
export type { Finding } from './finding.js';
export * from './ingest-health.js';
export type { Severity } from './rules/index.js';
