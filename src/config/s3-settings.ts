import { fail, oneOf, type Read, type Setting, setting, text, url, yesOrNo } from '../platform/index.js';
import type { ObjectStoreOptions } from '../recordings/index.js';

const bucketName: Read<string> = (value, name) =>
  /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(value)
    ? value
    : fail(name, 'the name of a bucket: 3 to 63 lower-case letters, digits, dots and hyphens', value);

/** Parses a prefix of object keys: safe characters only, without slashes at its ends. */
const keyPrefix: Read<string> = (value, name) => {
  const trimmed = value.replace(/^\/+|\/+$/g, '');
  if (
    !/^[\w!.*'()-]+(\/[\w!.*'()-]+)*$/.test(trimmed) ||
    /(^|\/)\.+(\/|$)/.test(trimmed) ||
    trimmed.length > 500
  )
    fail(name, "letters, digits and -_.!*'() between slashes", value);
  return trimmed;
};

/** Environment variables of the object store. */
export const S3_SETTINGS = {
  s3Bucket: setting(
    'S3_BUCKET',
    bucketName,
    undefined,
    'bucket of an S3-compatible store that finished recordings, clips and videos are moved to; unset: they stay in RECORDINGS_DIR',
  ),
  s3Endpoint: setting('S3_ENDPOINT', url, undefined, 'URL of the S3 service; default: AWS in S3_REGION'),
  s3Region: setting('S3_REGION', text, 'us-east-1', 'region of S3_BUCKET'),
  s3AccessKeyId: setting('S3_ACCESS_KEY_ID', text, undefined, 'access key for S3_BUCKET'),
  s3SecretAccessKey: setting('S3_SECRET_ACCESS_KEY', text, undefined, 'secret of S3_ACCESS_KEY_ID'),
  s3Prefix: setting('S3_PREFIX', keyPrefix, undefined, 'prefix of all keys in S3_BUCKET'),
  s3PathStyle: setting(
    'S3_PATH_STYLE',
    yesOrNo,
    undefined,
    'whether S3_BUCKET is in the path of URLs, not in the host name; default: true with S3_ENDPOINT',
  ),
  s3Playback: setting(
    'S3_PLAYBACK',
    oneOf('gateway', 'redirect'),
    'gateway',
    'way of recordings in S3_BUCKET to viewers; redirect: by signed URLs of S3_ENDPOINT, private livestreams excepted',
  ),
};

/**
 * Reads the settings of the object store.
 *
 * @param optional reads one; undefined if it is unset
 * @returns undefined without `S3_BUCKET`, or with a problem
 */
export function objectStoreConfig(
  optional: <T>(from: Setting<T>) => T | undefined,
  problem: (message: string) => void,
): ObjectStoreOptions | undefined {
  const bucket = optional(S3_SETTINGS.s3Bucket);
  const endpoint = optional(S3_SETTINGS.s3Endpoint);
  const region = optional(S3_SETTINGS.s3Region) ?? '';
  const accessKeyId = optional(S3_SETTINGS.s3AccessKeyId);
  const secretAccessKey = optional(S3_SETTINGS.s3SecretAccessKey);
  const prefix = optional(S3_SETTINGS.s3Prefix) ?? '';
  const pathStyle = optional(S3_SETTINGS.s3PathStyle) ?? endpoint !== undefined;
  const redirects = optional(S3_SETTINGS.s3Playback) === 'redirect';
  if (bucket === undefined) {
    if (endpoint !== undefined || accessKeyId !== undefined || secretAccessKey !== undefined)
      problem('S3_ENDPOINT and S3_ACCESS_KEY_ID need S3_BUCKET: set it too, or unset them');
    return undefined;
  }
  if (accessKeyId === undefined || secretAccessKey === undefined) {
    problem('S3_BUCKET needs S3_ACCESS_KEY_ID and S3_SECRET_ACCESS_KEY: set both, or unset S3_BUCKET');
    return undefined;
  }
  return { endpoint, bucket, region, accessKeyId, secretAccessKey, prefix, pathStyle, redirects };
}
