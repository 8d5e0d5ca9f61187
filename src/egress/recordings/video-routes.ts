import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify';
import type { FilePart, Replay } from '../../recordings/index.js';
import type { AccessScope } from '../../streams/index.js';
import type { Video, Videos } from '../../videos/index.js';
import { answerPreflight, notFound, PLAYLIST_TYPE, sendBytes, setMediaHeaders } from '../http/index.js';
import { isUnchanged, type MediaRequest, sendPart } from './media-response.js';
import { parseRecordingPath, type RecordingPath } from './recording-path.js';

export type VideoMediaRoutesOptions = {
  videos: Pick<Videos, 'find' | 'load' | 'read'>;
  /** Whether the author of a request may watch a private video. */
  mayWatchPrivate(request: FastifyRequest, reply: FastifyReply, video: Video): Promise<boolean>;
};

/**
 * Serves playlists and media of uploaded videos, below `/videos/`. Every request for a private one is authorized by
 * itself, by its session or token.
 */
export const videoMediaRoutes: FastifyPluginAsync<VideoMediaRoutesOptions> = async (app, options) => {
  const { videos, mayWatchPrivate } = options;
  app.addHook('onRequest', setMediaHeaders);

  app.options('/videos/:videoId/*', answerPreflight);

  app.route<{ Params: { videoId: string; '*': string }; Querystring: MediaRequest['query'] }>({
    method: ['GET', 'HEAD'],
    url: '/videos/:videoId/*',
    schema: { hide: true },
    handler: async (request, reply) => {
      const path = parseRecordingPath(`${request.params.videoId}/${request.params['*']}`);
      const video = path && (await videos.find(path.recordingId));
      if (video?.state !== 'ready') throw notFound();
      const scope: AccessScope = video.visibility === 'private' ? 'invited' : 'everybody';
      if (scope === 'invited' && !(await mayWatchPrivate(request, reply, video))) throw notFound();
      const replay = await videos.load(video.id);
      const playlist = path && playlistOf(replay, path);
      if (playlist) {
        if (isUnchanged(request, reply, scope)) return reply.code(304).send();
        return sendBytes(request, reply.type(PLAYLIST_TYPE), playlist);
      }
      const part = path && partOf(replay, path);
      if (!part) throw notFound();
      return sendPart(request, reply, scope, {
        ...part,
        read: (first, byteLength) =>
          videos.read({ ...part, byteOffset: part.byteOffset + first, byteLength }),
      });
    },
  });
};

function playlistOf(replay: Replay, path: RecordingPath): Buffer | undefined {
  if (path.name === 'multivariant') return replay.multivariantPlaylist();
  return path.name === 'media' ? replay.mediaPlaylist(path.rendition) : undefined;
}

function partOf(replay: Replay, path: RecordingPath): FilePart | undefined {
  if (path.name === 'segment') return replay.segment(path.rendition, path.msn);
  return path.name === 'init' ? replay.init(path.rendition, path.run) : undefined;
}
