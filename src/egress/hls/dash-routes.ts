import type { FastifyPluginAsync, FastifyRequest } from 'fastify';
import type { MpdUris } from '../../packager/index.js';
import type { AccessScope, ViewerRequest } from '../../streams/index.js';
import { viewerRequestOf, viewerTokenOf } from '../../streams/index.js';
import {
  answerPreflight,
  asNotFound,
  CACHE_NONE,
  MPD_TYPE,
  notFound,
  sendBytes,
  serverFull,
  setMediaHeaders,
} from '../http/index.js';
import { type HlsRoutesOptions, waitForAnswer } from './routes.js';

const TIME_PATH = '../time';

export type DashRoutesOptions = HlsRoutesOptions & {
  /** Finds the recording of a livestream that has ended, for a viewer who may watch it. @returns its id */
  findRecording(viewer: ViewerRequest): Promise<string | undefined>;
};

type DashRequest = FastifyRequest<{ Params: { streamId: string }; Querystring: Record<string, unknown> }>;

/**
 * Serves DASH presentation descriptions below `/dash/` (ISO/IEC 23009-1). Their media are those of `/hls/`.
 *
 * A description requested without a viewer token names a location that has one, from which players reload. Private
 * livestreams have the token in every URI of media. After the end a description leads to that of the recording.
 */
export const dashRoutes: FastifyPluginAsync<DashRoutesOptions> = async (
  app,
  { packager, admission, load, clock, findRecording },
) => {
  app.addHook('onRequest', setMediaHeaders);

  app.options('/dash/*', answerPreflight);

  app.route<{ Params: DashRequest['params']; Querystring: DashRequest['query'] }>({
    method: ['GET', 'HEAD'],
    url: '/dash/:streamId/index.mpd',
    schema: { hide: true },
    handler: async (request, reply) => {
      const { streamId } = request.params;
      const presentation = packager.findPresentation(streamId);
      if (!presentation) {
        const recordingId = await findRecording(viewerRequestOf(request, streamId));
        if (recordingId === undefined) throw notFound();
        return reply.redirect(
          `../../recordings/${recordingId}/index.mpd${queryOf(viewerTokenOf(request))}`,
          302,
        );
      }
      let token = viewerTokenOf(request);
      if (token === undefined && load.isFull) throw serverFull(reply);
      const viewer = viewerRequestOf(request, streamId);
      const access = async (): Promise<AccessScope> =>
        (token === undefined ? undefined : admission.recordActivity(streamId, token, 'dash')) ??
        (await asNotFound(admission.admitPlaylistRequest({ ...viewer, token }, 'dash')));
      if (token === undefined) ({ token } = await asNotFound(admission.admit(viewer)));
      let scope = await access();
      presentation.recordRequest(undefined);
      const answer = presentation.ready();
      if (!(await waitForAnswer(answer, presentation, reply, clock))) return reply;
      // The permission may have ended while the request was blocked.
      if (answer !== 'ready') scope = await access();
      const mpd = presentation.mpd(urisOf(streamId, token, scope));
      if (mpd === undefined) throw notFound();
      reply.headers({ 'content-type': MPD_TYPE, 'cache-control': CACHE_NONE });
      return sendBytes(request, reply, Buffer.from(mpd));
    },
  });

  app.route({
    method: ['GET', 'HEAD'],
    url: '/dash/time',
    schema: { hide: true },
    handler: async (_request, reply) =>
      reply.type('text/plain; charset=utf-8').send(new Date(clock.now()).toISOString()),
  });
};

/** @param token as requested, so it may be anything; empty where viewers are not told apart */
function urisOf(streamId: string, token: string, scope: AccessScope): MpdUris {
  const query = queryOf(token);
  return {
    media: `../../hls/${streamId}/`,
    mediaSuffix: scope === 'invited' ? query : '',
    location: `index.mpd${query}`,
    time: TIME_PATH,
  };
}

/** Query with a token; escapes what XML would read as markup, too. */
function queryOf(token: string | undefined): string {
  return token ? `?v=${encodeURIComponent(token)}` : '';
}
