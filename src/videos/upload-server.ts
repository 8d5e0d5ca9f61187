import { AsyncLocalStorage } from 'node:async_hooks';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { type Locker, Server } from '@tus/server';
import type { UploadFiles } from './upload-files.js';

const UPLOAD_PATH = /\/([0-9a-f-]{36})\/upload$/i;

/** Speaks the tus protocol, for requests that are allowed: one creates an upload, the others continue it. */
export class UploadServer {
  readonly #server: Server;
  /** Video of the request. */
  readonly #video = new AsyncLocalStorage<string>();

  /** @param finished called with the id of a video whose upload is complete, before that is answered */
  constructor(uploads: UploadFiles, locker: Locker, finished: (videoId: string) => Promise<void>) {
    this.#server = new Server({
      path: '/api/videos',
      datastore: uploads.datastore,
      locker,
      namingFunction: () => this.#video.getStore() ?? '',
      // Relative to the URL of creation, so that it fits whatever proxy is in front.
      generateUrl: (_request, { id }) => `videos/${id}/upload`,
      getFileIdFromRequest: (request) => UPLOAD_PATH.exec(new URL(request.url).pathname)?.[1],
      disableTerminationForFinishedUploads: true,
      onUploadFinish: async (_request, { id }) => {
        await finished(id);
        return {};
      },
    });
  }

  /** Answers a request. @param videoId the video that is created or continued */
  async handle(request: IncomingMessage, response: ServerResponse, videoId: string): Promise<void> {
    await this.#video.run(videoId, () => this.#server.handle(request, response));
  }
}
