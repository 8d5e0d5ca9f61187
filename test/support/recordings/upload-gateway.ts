import { readFileSync } from 'node:fs';
import type { Test } from 'tap';
import { Upload } from 'tus-js-client';
import { type GatewayProcess, OPERATOR_TOKEN, startGatewayProcess } from '../gateway/gateway-process.js';
import { until } from '../until.js';

export type ApiVideo = {
  id: string;
  userId: string;
  title: string;
  visibility: string;
  state: string;
  failure: { code: string; message: string } | null;
  progress: number;
  durationS: number | null;
  sizeBytes: number;
  playback: { hls: string; watch: string } | null;
};

export type UploadAnswer = { status: number; code: string | undefined; videoId: string };

/** Gateway process with a client that uploads by tus, as the operator for a user. */
export class UploadGateway {
  readonly gateway: GatewayProcess;

  private constructor(gateway: GatewayProcess) {
    this.gateway = gateway;
  }

  static async start(t: Test, environment: Record<string, string> = {}): Promise<UploadGateway> {
    return new UploadGateway(await startGatewayProcess(t, { RECORDINGS_MIN_FREE: '0', ...environment }));
  }

  /** Sends a request. @param token bearer token; empty: none */
  async request(method: string, path: string, body?: object, token = OPERATOR_TOKEN) {
    const answer = await fetch(`${this.gateway.http}${path}`, {
      method,
      headers: {
        ...(token === '' ? {} : { authorization: `Bearer ${token}` }),
        ...(body ? { 'content-type': 'application/json' } : {}),
      },
      ...(body ? { body: JSON.stringify(body) } : {}),
    });
    const text = await answer.text();
    return { status: answer.status, text, body: text.startsWith('{') ? JSON.parse(text) : undefined };
  }

  /** Creates an upload without media, by hand. */
  async announce(
    uploadBytes: number | undefined,
    metadata: Record<string, string> = {},
    token = OPERATOR_TOKEN,
  ): Promise<UploadAnswer> {
    const pairs = Object.entries({ userId: 'ada', ...metadata });
    const answer = await fetch(`${this.gateway.http}/api/videos`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${token}`,
        'tus-resumable': '1.0.0',
        ...(uploadBytes === undefined ? {} : { 'upload-length': String(uploadBytes) }),
        'upload-metadata': pairs
          .map(([name, value]) => `${name} ${Buffer.from(value).toString('base64')}`)
          .join(','),
      },
    });
    const text = await answer.text();
    const code = text.startsWith('{')
      ? (JSON.parse(text) as { error: { code: string } }).error.code
      : undefined;
    return { status: answer.status, code, videoId: answer.headers.get('location')?.split('/')[1] ?? '' };
  }

  /** Appends bytes to an upload, by hand. */
  async append(videoId: string, offset: number, bytes: Buffer): Promise<Response> {
    return await fetch(`${this.gateway.http}/api/videos/${videoId}/upload`, {
      method: 'PATCH',
      headers: {
        authorization: `Bearer ${OPERATOR_TOKEN}`,
        'tus-resumable': '1.0.0',
        'upload-offset': String(offset),
        'content-type': 'application/offset+octet-stream',
      },
      body: new Uint8Array(bytes),
    });
  }

  /**
   * Uploads a file by tus-js-client.
   *
   * @param interruptAfter bytes after which the client loses its connection once, and continues
   * @returns the id of the video
   */
  async upload(
    file: string | Buffer,
    metadata: Record<string, string> = {},
    interruptAfter?: number,
  ): Promise<string> {
    const bytes = typeof file === 'string' ? readFileSync(file) : file;
    let interrupted = interruptAfter === undefined;
    return await new Promise((resolve, reject) => {
      const upload = new Upload(bytes, {
        endpoint: `${this.gateway.http}/api/videos`,
        headers: { authorization: `Bearer ${OPERATOR_TOKEN}` },
        metadata: { userId: 'ada', ...metadata },
        chunkSize: 256 * 1024,
        retryDelays: null,
        onError: reject,
        onSuccess: () => resolve(upload.url?.split('/').at(-2) ?? ''),
        onChunkComplete: (_size, sent) => {
          if (interrupted || sent < (interruptAfter ?? 0)) return;
          interrupted = true;
          void upload.abort().then(() => upload.start());
        },
      });
      upload.start();
    });
  }

  async find(videoId: string): Promise<ApiVideo> {
    const { body } = await this.request('GET', `/api/videos/${videoId}`);
    return (body as { video: ApiVideo }).video;
  }

  /** Waits until a video has one of the given states. */
  async untilState(videoId: string, ...states: string[]): Promise<ApiVideo> {
    return await until(
      `the video is ${states.join(' or ')}`,
      async () => {
        const video = await this.find(videoId);
        if (video.state === 'failed' && !states.includes('failed'))
          throw new Error(`the video has failed: ${JSON.stringify(video.failure)}`);
        return states.includes(video.state) && video;
      },
      90_000,
    );
  }

  /** Address of a file of a video. */
  media(videoId: string, path = 'index.m3u8'): string {
    return `${this.gateway.http}/videos/${videoId}/${path}`;
  }
}
