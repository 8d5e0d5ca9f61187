import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify';
import type { FilePart, Previews, Replay, Replays } from '../../recordings/index.js';
import type { AccessScope, ViewerAdmission } from '../../streams/index.js';
import { viewerRequestOf, viewerTokenOf } from '../../streams/index.js';
import {
  answerPreflight,
  asNotFound,
  MPD_TYPE,
  notFound,
  PLAYLIST_TYPE,
  sendBytes,
  setMediaHeaders,
} from '../http/index.js';
import { admitToRecording } from './admit-to-recording.js';
import { downloadRoutes, type MediaFolder, type PlayableMedia } from './download-route.js';
import { isUnchanged, type MediaRequest, sendPart } from './media-response.js';
import { cueSuffix, sendCues, sendPicture } from './picture-response.js';
import { parseRecordingPath, type RecordingPath } from './recording-path.js';

export type RecordingMediaRoutesOptions = {
  /** Recordings and clips, and uploaded videos. */
  folders: readonly MediaFolder[];
  replays: Pick<Replays, 'load' | 'open' | 'movie' | 'isRedirected' | 'signedUrl'>;
  previews: Pick<Previews, 'findSheet' | 'findPoster' | 'cuesOfReplay'>;
  /** Admits viewers of recordings and videos: `streamId` of a request is the id of the recording or video. */
  admission: Pick<ViewerAdmission, 'admit' | 'admitPlaylistRequest' | 'mediaAccess'>;
};

/** Validator of playlists of byte ranges: the content of a media playlist changes when its recording moves to an object store. */
const RANGES_ETAG = '"2"';

/**
 * Serves playlists and media of recordings that have ended, of clips and of uploaded videos, by their own visibility: of a private
 * one the multivariant playlist gives its viewer a token, which every later request must carry and which ends
 * with the permission. Viewers of recordings are not counted.
 */
export const recordingMediaRoutes: FastifyPluginAsync<RecordingMediaRoutesOptions> = async (app, options) => {
  const { folders, replays, previews, admission } = options;
  app.addHook('onRequest', setMediaHeaders);

  downloadRoutes(app, options);
  for (const folder of folders) addRoutes(folder);

  function addRoutes({ path: base, find }: MediaFolder): void {
    app.options(`${base}/*`, answerPreflight);

    app.route<{ Params: MediaRequest['params']; Querystring: MediaRequest['query'] }>({
      method: ['GET', 'HEAD'],
      url: `${base}/*`,
      schema: { hide: true },
      handler: async (request, reply) => {
        const path = parseRecordingPath(request.params['*']);
        if (path?.name === 'sprite' || path?.name === 'poster') return picture(path, request, reply);
        const recording = path && (await find(path.recordingId));
        if (!recording) throw notFound();
        if (path.name === 'multivariant') return multivariant(recording, request, reply);
        if (path.name === 'description') return description(recording, request, reply);
        const scope = await accessScope(recording.id, request);
        if (path.name === 'sprites') {
          const replay = await replays.load(recording.id);
          const cues = await previews.cuesOfReplay(replay, cueSuffix(scope, viewerTokenOf(request)));
          return sendCues(request, reply, scope, cues);
        }
        if (path.name === 'media') return media(recording, path.rendition, scope, request, reply);
        return file(recording, path, scope, request, reply);
      },
    });
  }

  /** Sends a poster or a sheet of previews, also of a recording that runs and of a rewind window. */
  async function picture(
    path: RecordingPath & { name: 'sprite' | 'poster' },
    request: MediaRequest,
    reply: FastifyReply,
  ): Promise<FastifyReply> {
    const { recordingId } = path;
    const image =
      path.name === 'poster'
        ? await previews.findPoster(recordingId)
        : await previews.findSheet(recordingId, path.number);
    if (!image) throw notFound();
    // Pages show posters in lists, whose addresses have no token: they are admitted by the sign-in.
    const { scope } =
      path.name === 'poster' && viewerTokenOf(request) === undefined
        ? await admitToRecording(admission, viewerRequestOf(request, recordingId))
        : { scope: await accessScope(recordingId, request) };
    return sendPicture(request, reply, scope, path.name, image);
  }

  async function multivariant(
    recording: PlayableMedia,
    request: MediaRequest,
    reply: FastifyReply,
  ): Promise<FastifyReply> {
    const { token, scope } = await admitToRecording(admission, viewerRequestOf(request, recording.id));
    const playlist = (await replays.load(recording.id)).multivariantPlaylist(token);
    return sendPlaylist(request, reply, { bytes: playlist, type: PLAYLIST_TYPE, scope });
  }

  async function description(
    recording: PlayableMedia,
    request: MediaRequest,
    reply: FastifyReply,
  ): Promise<FastifyReply> {
    const { token, scope } = await admitToRecording(admission, viewerRequestOf(request, recording.id));
    const form = formFor(recording, scope);
    const bytes = (await replays.load(recording.id)).description(token, form);
    return sendPlaylist(request, reply, { bytes, type: MPD_TYPE, scope, form });
  }

  /** A signed URL is that of a whole file. It outlives the permission by up to a minute: never for private recordings. */
  function formFor(recording: PlayableMedia, scope: AccessScope): 'segments' | 'ranges' {
    return scope === 'everybody' && replays.isRedirected(recording) ? 'ranges' : 'segments';
  }

  async function media(
    recording: PlayableMedia,
    rendition: string,
    scope: AccessScope,
    request: MediaRequest,
    reply: FastifyReply,
  ): Promise<FastifyReply> {
    const token = scope === 'invited' ? viewerTokenOf(request) : undefined;
    const form = formFor(recording, scope);
    const bytes = (await replays.load(recording.id)).mediaPlaylist(rendition, token, form);
    if (!bytes) throw notFound();
    return sendPlaylist(request, reply, { bytes, type: PLAYLIST_TYPE, scope, form });
  }

  async function file(
    recording: PlayableMedia,
    path: RecordingPath & { name: 'init' | 'segment' | 'file' },
    scope: AccessScope,
    request: MediaRequest,
    reply: FastifyReply,
  ): Promise<FastifyReply> {
    const replay = await replays.load(path.recordingId);
    const part = partOf(replay, path);
    if (!part) throw notFound();
    if (path.name === 'file' && scope === 'everybody' && replays.isRedirected(recording))
      return reply.redirect(await replays.signedUrl(part), 302);
    return sendPart(request, reply, scope, {
      ...part,
      read: (first, byteLength) => replays.open({ ...part, byteOffset: part.byteOffset + first, byteLength }),
    });
  }

  async function accessScope(recordingId: string, request: MediaRequest): Promise<AccessScope> {
    const known = admission.mediaAccess(recordingId, viewerTokenOf(request));
    return (
      known ??
      (await asNotFound(admission.admitPlaylistRequest(viewerRequestOf(request, recordingId), undefined)))
    );
  }
};

function partOf(
  replay: Replay,
  path: RecordingPath & { name: 'init' | 'segment' | 'file' },
): FilePart | undefined {
  if (path.name === 'segment') return replay.segment(path.rendition, path.msn);
  const { rendition, run } = path;
  return path.name === 'init' ? replay.init(rendition, run) : replay.wholeFile(rendition, run);
}

type SentPlaylist = { bytes: Buffer; type: string; scope: AccessScope; form?: 'segments' | 'ranges' };

function sendPlaylist(
  request: FastifyRequest,
  reply: FastifyReply,
  { bytes, type, scope, form }: SentPlaylist,
): FastifyReply {
  const etag = form === 'ranges' ? RANGES_ETAG : undefined;
  if (isUnchanged(request, reply, scope, etag)) return reply.code(304).send();
  return sendBytes(request, reply.type(type), bytes);
}
