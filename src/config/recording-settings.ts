import { decimal, oneOf, type Read, setting, whole, yesOrNo } from '../platform/index.js';

const MAXIMUM_REWIND_S = 86_400;

/** Parses a duration of some seconds to a day, s; 0: off. */
const windowOrOff: Read<number> = (value, name) =>
  value === 'off' || value === '0' ? 0 : decimal(10, MAXIMUM_REWIND_S)(value, name);

export const RECORDING_SETTINGS = {
  rewindWindowS: setting(
    'DVR_WINDOW',
    windowOrOff,
    '7200',
    'time that viewers can rewind a running broadcast, on disk in RECORDINGS_DIR, seconds; off: they cannot',
  ),
  recordRenditions: setting(
    'RECORD_RENDITIONS',
    oneOf('source', 'all'),
    'source',
    'renditions that are recorded; source: those that need no further encoder; all: every rendition, which keeps all encoders running',
  ),
  recordSlate: setting(
    'RECORD_SLATE',
    yesOrNo,
    'true',
    'whether recordings contain the slate that viewers saw while the publisher was away; false: they go on where it returned',
  ),
  recordingQuotaGigabytes: setting(
    'RECORDING_QUOTA',
    decimal(0, 1_000_000),
    '0',
    'storage for the recordings, clips and videos of one account, gigabytes; 0: unlimited',
  ),
  recordingsMinimumFreeMegabytes: setting(
    'RECORDINGS_MIN_FREE',
    whole(0, 1_000_000_000),
    '1024',
    'free disk space below which nothing is recorded, megabytes',
  ),
};
