import type { Readable } from 'node:stream';
import type { S3Client } from '@aws-sdk/client-s3';
import { PublicError } from '../../platform/index.js';

export type ObjectStoreOptions = {
  /** URL of the S3 service; undefined: that of AWS in the region. */
  endpoint: string | undefined;
  bucket: string;
  region: string;
  accessKeyId: string;
  secretAccessKey: string;
  /** Prefix of all keys, without a slash at its ends; empty: none. */
  prefix: string;
  /** The bucket is in the path of URLs, not in their host name. */
  pathStyle: boolean;
  /** Viewers of public recordings get signed URLs, instead of the bytes from the gateway. */
  redirects: boolean;
};

/** Part of a multipart upload. */
export type UploadedPart = { number: number; etag: string };
export type StoredObject = { sizeBytes: number; etag: string };

const CONNECT_TIMEOUT_MS = 5_000;
/** Silence of a connection; clients of the gateway that do not read may take as long. */
const SILENCE_TIMEOUT_MS = 120_000;
/** Time until the answer begins. */
const ANSWER_TIMEOUT_MS = 15_000;
/** The same for a part, which must be sent before. */
const PART_TIMEOUT_MS = 300_000;
const MAXIMUM_CONNECTIONS = 200;
/** Errors of an upload that repeating cannot mend. */
const UPLOAD_FAULTS = new Set(['NoSuchUpload', 'InvalidPart', 'InvalidPartOrder', 'EntityTooSmall']);

/**
 * Bucket of an S3-compatible store. The SDK is loaded with the first request: it takes 0.3 s and 20 MB. It repeats nothing by
 * itself; callers wait between attempts by the injected clock.
 */
export class ObjectStore {
  /** Names service, bucket and prefix in rows, so that objects of another store are left alone. */
  readonly id: string;
  readonly #options: ObjectStoreOptions;
  #client: Promise<S3Client> | undefined;

  constructor(options: ObjectStoreOptions) {
    this.#options = options;
    const { endpoint, region, bucket, prefix } = options;
    this.id = [endpoint ?? `aws:${region}`, bucket, prefix].join(' ').trim();
  }

  /** Origin of signed URLs; undefined: viewers get none. */
  get redirectOrigin(): string | undefined {
    const { endpoint, bucket, region, pathStyle, redirects } = this.#options;
    if (!redirects) return undefined;
    const { protocol, host } = new URL(endpoint ?? `https://s3.${region}.amazonaws.com`);
    return `${protocol}//${pathStyle ? '' : `${bucket}.`}${host}`;
  }

  /** @returns the id of the upload */
  async startUpload(name: string): Promise<string> {
    const { CreateMultipartUploadCommand } = await sdk();
    const client = await this.#open();
    const command = new CreateMultipartUploadCommand({ ...this.#at(name), ContentType: 'video/mp4' });
    const { UploadId } = await client.send(command, { requestTimeout: ANSWER_TIMEOUT_MS });
    if (!UploadId) throw new Error('the object store has given no upload id');
    return UploadId;
  }

  /** @param md5 of the bytes, base64: the store refuses bytes that do not have it (Content-MD5) */
  async uploadPart(
    name: string,
    uploadId: string,
    part: { number: number; bytes: Buffer; md5: string },
    signal: AbortSignal,
  ): Promise<UploadedPart> {
    const { UploadPartCommand } = await sdk();
    const { number, bytes, md5 } = part;
    const client = await this.#open();
    const command = new UploadPartCommand({
      ...this.#at(name),
      ...{ UploadId: uploadId, PartNumber: number, Body: bytes, ContentMD5: md5 },
    });
    const { ETag } = await client.send(command, { requestTimeout: PART_TIMEOUT_MS, abortSignal: signal });
    return { number, etag: ETag ?? '' };
  }

  /** @returns the entity tag of the object; undefined when the store does not know the upload or a part (any more) */
  async completeUpload(
    name: string,
    uploadId: string,
    parts: readonly UploadedPart[],
  ): Promise<string | undefined> {
    const { CompleteMultipartUploadCommand } = await sdk();
    const client = await this.#open();
    const Parts = parts.map(({ number, etag }) => ({ PartNumber: number, ETag: etag }));
    const command = new CompleteMultipartUploadCommand({
      ...this.#at(name),
      ...{ UploadId: uploadId, MultipartUpload: { Parts } },
    });
    try {
      // Stores put the parts together before they answer.
      return (await client.send(command, { requestTimeout: PART_TIMEOUT_MS })).ETag ?? '';
    } catch (error) {
      if (isMissing(error) || UPLOAD_FAULTS.has((error as Error).name)) return undefined;
      throw error;
    }
  }

  /** Drops the parts of an upload. An upload that is unknown is no error. */
  async abortUpload(name: string, uploadId: string): Promise<void> {
    const { AbortMultipartUploadCommand } = await sdk();
    const client = await this.#open();
    const command = new AbortMultipartUploadCommand({ ...this.#at(name), UploadId: uploadId });
    await client.send(command, { requestTimeout: ANSWER_TIMEOUT_MS }).catch((error: unknown) => {
      // Some stores cannot abort: their parts are left to a lifecycle rule.
      if (!isMissing(error) && statusOf(error) !== 405 && statusOf(error) !== 501) throw error;
    });
  }

  async head(name: string): Promise<StoredObject | undefined> {
    const { HeadObjectCommand } = await sdk();
    const client = await this.#open();
    try {
      const command = new HeadObjectCommand(this.#at(name));
      const { ContentLength, ETag } = await client.send(command, { requestTimeout: ANSWER_TIMEOUT_MS });
      return { sizeBytes: ContentLength ?? -1, etag: ETag ?? '' };
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw error;
    }
  }

  /** Deletes an object. One that is missing is no error. */
  async delete(name: string): Promise<void> {
    const { DeleteObjectCommand } = await sdk();
    const client = await this.#open();
    const command = new DeleteObjectCommand(this.#at(name));
    await client.send(command, { requestTimeout: ANSWER_TIMEOUT_MS }).catch((error: unknown) => {
      if (!isMissing(error)) throw error;
    });
  }

  /**
   * Opens bytes of an object. The stream ends with an error if the connection breaks.
   *
   * @returns undefined when there is no such object
   * @throws PublicError 503 `recording_store_away`
   */
  async read(name: string, byteOffset: number, byteLength: number): Promise<Readable | undefined> {
    const { GetObjectCommand } = await sdk();
    const client = await this.#open();
    const Range = `bytes=${byteOffset}-${byteOffset + byteLength - 1}`;
    try {
      const command = new GetObjectCommand({ ...this.#at(name), Range });
      const { Body, ContentLength } = await client.send(command, { requestTimeout: ANSWER_TIMEOUT_MS });
      const stream = Body as Readable;
      if (ContentLength === byteLength) return stream;
      stream.destroy();
      throw new Error(`the object store sends ${ContentLength} bytes instead of ${byteLength}`);
    } catch (error) {
      if (isMissing(error)) return undefined;
      const away = new PublicError(503, 'recording_store_away', 'The storage of recordings does not answer.');
      throw Object.assign(away, { cause: error });
    }
  }

  /** Returns a URL at which anybody can read an object for a while. */
  async signedUrl(name: string, lifetimeS: number): Promise<string> {
    const [{ GetObjectCommand }, { getSignedUrl }] = await Promise.all([
      sdk(),
      import('@aws-sdk/s3-request-presigner'),
    ]);
    const client = await this.#open();
    return await getSignedUrl(client, new GetObjectCommand(this.#at(name)), { expiresIn: lifetimeS });
  }

  /** Closes idle connections. */
  async close(): Promise<void> {
    if (this.#client) (await this.#client).destroy();
  }

  #at(name: string): { Bucket: string; Key: string } {
    const { bucket, prefix } = this.#options;
    return { Bucket: bucket, Key: prefix === '' ? name : `${prefix}/${name}` };
  }

  #open(): Promise<S3Client> {
    this.#client ??= sdk().then(({ S3Client: Client }) => {
      const { endpoint, region, accessKeyId, secretAccessKey, pathStyle } = this.#options;
      return new Client({
        ...(endpoint === undefined ? {} : { endpoint }),
        region,
        forcePathStyle: pathStyle,
        credentials: { accessKeyId, secretAccessKey },
        maxAttempts: 1,
        // Stores other than AWS do not know its newer checksums: Content-MD5 is understood by all.
        requestChecksumCalculation: 'WHEN_REQUIRED',
        responseChecksumValidation: 'WHEN_REQUIRED',
        requestHandler: {
          connectionTimeout: CONNECT_TIMEOUT_MS,
          socketTimeout: SILENCE_TIMEOUT_MS,
          throwOnRequestTimeout: true,
          httpAgent: { maxSockets: MAXIMUM_CONNECTIONS },
          httpsAgent: { maxSockets: MAXIMUM_CONNECTIONS },
        },
      });
    });
    return this.#client;
  }
}

function sdk(): Promise<typeof import('@aws-sdk/client-s3')> {
  return import('@aws-sdk/client-s3');
}

function statusOf(error: unknown): number | undefined {
  return (error as { $metadata?: { httpStatusCode?: number } }).$metadata?.httpStatusCode;
}

/** Whether the object or upload does not exist. A missing bucket is a fault of the configuration. */
function isMissing(error: unknown): boolean {
  return statusOf(error) === 404 && (error as Error).name !== 'NoSuchBucket';
}
