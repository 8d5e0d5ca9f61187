import { secretOf, setting, whole, yesOrNo } from '../platform/index.js';

/** Settings of restreams, a part of `SETTINGS`. */
export const RESTREAM_SETTINGS = {
  restreamsPrivate: setting(
    'RESTREAM_PRIVATE_ADDRESSES',
    yesOrNo,
    'false',
    'whether broadcasts may be sent on to private addresses and this machine',
  ),
  maxRestreams: setting(
    'MAX_RESTREAMS',
    whole(0, 100_000),
    '200',
    'maximum restream targets that are served at the same time',
  ),
  encryptionSecret: setting(
    'ENCRYPTION_SECRET',
    secretOf(32),
    undefined,
    'secret with which stream keys of other platforms are encrypted in the database, at least 32 characters; default: from the file secret in DATA_DIR',
  ),
};
