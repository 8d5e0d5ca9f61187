import { Upload } from 'tus-js-client';
import type { ErrorResponse } from '../../api/contract.js';
import { apiPath } from '../api/api-client.js';
import { errorMessage } from '../locale/gateway-messages.js';
import { dashboardTexts } from '../texts/dashboard.js';

/** Bytes of one request: with more of them a slow line could not send it in the time that the server allows. */
const PIECE_BYTES = 2 * 1024 * 1024;
/** Pauses before a lost upload is continued, ms. */
const RETRY_DELAYS_MS = [0, 1_000, 3_000, 10_000, 30_000, 60_000];

export type UploadListener = {
  onProgress(share: number): void;
  onDone(): void;
  /** @param message for the user */
  onFailure(message: string): void;
};

/** Uploads a file, from where an earlier upload of it ended. @returns a function that pauses it */
export async function uploadVideo(
  file: File,
  csrfToken: string | null,
  listener: UploadListener,
): Promise<() => void> {
  const upload = new Upload(file, {
    endpoint: new URL(apiPath('GET /api/videos'), location.href).href,
    headers: csrfToken ? { 'x-csrf-token': csrfToken } : {},
    metadata: { filename: file.name },
    chunkSize: PIECE_BYTES,
    retryDelays: RETRY_DELAYS_MS,
    onShouldRetry: (error) => mayRetry(error.originalResponse?.getStatus() ?? 0),
    removeFingerprintOnSuccess: true,
    onProgress: (sent, total) => listener.onProgress(total === 0 ? 0 : sent / total),
    onSuccess: () => listener.onDone(),
    onError: (error) => void messageOf(error).then((message) => listener.onFailure(message)),
  });
  const [earlier] = await upload.findPreviousUploads();
  if (earlier) upload.resumeFromPreviousUpload(earlier);
  upload.start();
  return () => void upload.abort();
}

/** Whether a request that failed may succeed without the user. @param status 0: there was no answer */
function mayRetry(status: number): boolean {
  const isRefused = status >= 400 && status < 500 && status !== 409 && status !== 423;
  return navigator.onLine && !isRefused && status !== 507;
}

async function messageOf(error: Error): Promise<string> {
  const body =
    'originalResponse' in error && (error.originalResponse as { getBody(): string } | null)?.getBody();
  try {
    const { code, message } = (JSON.parse(body || '') as ErrorResponse).error;
    return await errorMessage(code, message);
  } catch {
    return dashboardTexts.uploadInterrupted;
  }
}
