import type { FastifyPluginAsync, FastifyReply } from 'fastify';
import { type Packager, recordedManifest, renderRewindPlaylist } from '../../packager/index.js';
import { type EventLoopLoad, PublicError } from '../../platform/index.js';
import type { Previews, Replays, Rewind, Rewinds } from '../../recordings/index.js';
import type { AccessScope, ViewerAdmission } from '../../streams/index.js';
import { viewerRequestOf, viewerTokenOf } from '../../streams/index.js';
import {
  answerPreflight,
  asNotFound,
  CACHE_NONE,
  CACHE_PLAYLIST,
  notFound,
  PLAYLIST_TYPE,
  sendBytes,
  serverFull,
  setMediaHeaders,
  withToken,
} from '../http/index.js';
import { type MediaRequest, sendPart } from './media-response.js';
import { cueSuffix, sendCues } from './picture-response.js';
import { parseRewindPath, type RewindPath } from './recording-path.js';

export type RewindRoutesOptions = {
  rewinds: Pick<Rewinds, 'find'>;
  replays: Pick<Replays, 'open'>;
  previews: Pick<Previews, 'cuesOfRewind'>;
  packager: Pick<Packager, 'findPresentation'>;
  /** Admits and counts viewers, as for the live playlists. */
  admission: ViewerAdmission;
  /** Load of the event loop: new viewers are refused while it is full. */
  load: Pick<EventLoopLoad, 'isFull'>;
};

/** Playlists of one state of a window, by rendition and kind. */
type Rendered = { version: number; ended: boolean; playlists: Map<string, Buffer> };

/**
 * Serves the rewind windows of running broadcasts below `/rewind/`: HLS playlists that reach back, with the segments of the
 * live ones. They are as private as the live playlists, and count the same viewers.
 */
export const rewindRoutes: FastifyPluginAsync<RewindRoutesOptions> = async (
  app,
  { rewinds, replays, previews, packager, admission, load },
) => {
  const rendered = new WeakMap<Rewind['index'], Rendered>();

  app.addHook('onRequest', setMediaHeaders);

  app.options('/rewind/*', answerPreflight);

  app.route<{ Params: MediaRequest['params']; Querystring: MediaRequest['query'] }>({
    method: ['GET', 'HEAD'],
    url: '/rewind/*',
    schema: { hide: true },
    handler: async (request, reply) => {
      const path = parseRewindPath(request.params['*']);
      if (!path) throw notFound();
      if (path.name === 'multivariant') return multivariant(path.streamId, request, reply);
      if (path.name === 'sprites') return sprites(path.streamId, request, reply);
      if (path.name === 'media') return media(path, request, reply);
      return file(path, request, reply);
    },
  });

  async function multivariant(
    streamId: string,
    request: MediaRequest,
    reply: FastifyReply,
  ): Promise<FastifyReply> {
    const presentation = packager.findPresentation(streamId);
    if (!presentation) throw notFound();
    const fromMs = startOf(request.query.from);
    if (load.isFull) throw serverFull(reply);
    const { token, withdraw } = await asNotFound(admission.admit(viewerRequestOf(request, streamId)));
    const { broadcastId } = presentation;
    const rewind = await rewinds.find(streamId, broadcastId, true);
    if (!rewind) {
      withdraw();
      throw notFound();
    }
    presentation.recordRequest(undefined);
    const startS = fromMs === undefined ? undefined : rewind.index.positionOf(fromMs);
    const manifest = recordedManifest(broadcastId, rewind.index.variants(), startS);
    return send(
      request,
      reply,
      Buffer.from(withToken(manifest, token)),
      token === '' ? 'everybody' : 'invited',
    );
  }

  async function sprites(
    streamId: string,
    request: MediaRequest,
    reply: FastifyReply,
  ): Promise<FastifyReply> {
    const scope = await mediaScope(streamId, request);
    const broadcastId = packager.findPresentation(streamId)?.broadcastId;
    const rewind = broadcastId && (await rewinds.find(streamId, broadcastId, true));
    if (!rewind) throw notFound();
    const suffix = cueSuffix(scope, viewerTokenOf(request));
    const cues = await previews.cuesOfRewind(rewind.index, '../../recordings/', suffix);
    return sendCues(request, reply, scope, cues);
  }

  async function mediaScope(streamId: string, request: MediaRequest): Promise<AccessScope> {
    const known = admission.mediaAccess(streamId, viewerTokenOf(request));
    return (
      known ??
      (await asNotFound(admission.admitPlaylistRequest(viewerRequestOf(request, streamId), undefined)))
    );
  }

  async function media(
    { streamId, broadcastId, rendition }: RewindPath & { name: 'media' },
    request: MediaRequest,
    reply: FastifyReply,
  ): Promise<FastifyReply> {
    const token = viewerTokenOf(request);
    const fromMs = startOf(request.query.from);
    const access = async (): Promise<AccessScope> =>
      (token === undefined ? undefined : admission.recordActivity(streamId, token, 'hls')) ??
      (await asNotFound(admission.admitPlaylistRequest(viewerRequestOf(request, streamId), 'hls')));
    let scope = await access();
    const rewind = await rewinds.find(streamId, broadcastId, true);
    if (!rewind) throw notFound();
    // The permission may have ended while the database was asked.
    scope = await access();
    packager.findPresentation(streamId, broadcastId)?.recordRequest(rendition);
    const delta = request.query._HLS_skip === 'YES' || request.query._HLS_skip === 'v2';
    const suffix = scope === 'invited' ? `?v=${encodeURIComponent(token ?? '')}` : '';
    const isShared = suffix === '' && fromMs === undefined;
    const playlist = isShared
      ? shared(rewind, rendition, delta)
      : render(rewind, rendition, { delta, fromMs, suffix });
    if (!playlist) throw notFound();
    return send(request, reply, playlist, scope);
  }

  /** Returns the playlist for all viewers of a public livestream, rendered once. */
  function shared(rewind: Rewind, rendition: string, delta: boolean): Buffer | undefined {
    const { index, ended } = rewind;
    let known = rendered.get(index);
    if (known?.version !== index.version || known.ended !== ended) {
      known = { version: index.version, ended, playlists: new Map() };
      rendered.set(index, known);
    }
    const key = `${rendition}${delta ? '+' : ''}`;
    const playlist = known.playlists.get(key) ?? render(rewind, rendition, { delta, suffix: '' });
    if (playlist) known.playlists.set(key, playlist);
    return playlist;
  }

  async function file(
    path: RewindPath & { name: 'init' | 'segment' },
    request: MediaRequest,
    reply: FastifyReply,
  ): Promise<FastifyReply> {
    const { streamId, broadcastId, rendition } = path;
    const scope = await mediaScope(streamId, request);
    const presentation = packager.findPresentation(streamId, broadcastId);
    presentation?.recordRequest(rendition);
    const live = presentation?.rendition(rendition);
    const bytes = path.name === 'init' ? live?.init(path.run) : live?.segment(path.msn);
    if (live && bytes) {
      const { kind } = live;
      const read = async (first: number, byteLength: number): Promise<Buffer> =>
        bytes.subarray(first, first + byteLength);
      return sendPart(request, reply, scope, { kind, byteLength: bytes.length, read });
    }
    const index = (await rewinds.find(streamId, broadcastId, false))?.index;
    const part =
      path.name === 'init' ? index?.init(rendition, path.run) : index?.segment(rendition, path.msn);
    if (!part) throw notFound();
    return sendPart(request, reply, scope, {
      ...part,
      read: (first, byteLength) => replays.open({ ...part, byteOffset: part.byteOffset + first, byteLength }),
    });
  }
};

function render(
  { index, ended }: Rewind,
  rendition: string,
  { delta, fromMs, suffix }: { delta: boolean; fromMs?: number | undefined; suffix: string },
): Buffer | undefined {
  const segments = index.segments(rendition);
  const { first, longestS } = index;
  if (!segments || !first) return undefined;
  const startS = fromMs === undefined ? undefined : index.positionOf(fromMs);
  const playlist = { segments, mediaSequence: first.number, longestS, ended, startS };
  return Buffer.from(renderRewindPlaylist(rendition, playlist, delta, suffix));
}

/**
 * Reads the date at which players shall start, Unix ms.
 *
 * @throws PublicError 400 `bad_request`
 */
function startOf(from: unknown): number | undefined {
  if (from === undefined) return undefined;
  if (typeof from !== 'string' || !/^[0-9]{1,15}$/.test(from))
    throw new PublicError(400, 'bad_request', 'from must be a date in milliseconds since 1970');
  return Number(from);
}

function send(
  request: MediaRequest,
  reply: FastifyReply,
  playlist: Buffer,
  scope: AccessScope,
): FastifyReply {
  reply.headers({
    'content-type': PLAYLIST_TYPE,
    'cache-control': scope === 'invited' ? CACHE_NONE : CACHE_PLAYLIST,
  });
  return sendBytes(request, reply, playlist);
}
