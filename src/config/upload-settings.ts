import { decimal, setting, whole } from '../platform/index.js';

export const UPLOAD_SETTINGS = {
  uploadMaximumGigabytes: setting(
    'UPLOAD_MAX_SIZE',
    decimal(0, 1_000_000),
    '10',
    'maximum size of an uploaded video, gigabytes; 0: nobody may upload',
  ),
  uploadMaximumHours: setting(
    'UPLOAD_MAX_DURATION',
    decimal(0.01, 48),
    '12',
    'maximum duration of an uploaded video, hours',
  ),
  maxUploads: setting(
    'MAX_UPLOADS_PER_ACCOUNT',
    whole(1, 1_000),
    '3',
    'maximum unfinished uploads of one account; they are deleted after a day without new bytes',
  ),
};
