import { errorDescription } from './error-response.js';

/** The used part of OpenAPI's path items. */
type Operation = Record<string, unknown>;
type Paths = Record<string, Record<string, Operation>>;

const SDP = 'application/sdp';
const tags = ['media'];

const uuid = { type: 'string', format: 'uuid' };
const text = { type: 'string' };

function inPath(name: string, schema: object = text): object {
  return { name, in: 'path', required: true, schema };
}

function body(type: string, schema: object = text): object {
  return { required: true, content: { [type]: { schema } } };
}

/** Error responses, described as for other routes. */
function errors(...statuses: number[]): Record<string, object> {
  const schema = { $ref: '#/components/schemas/ErrorResponse' };
  return Object.fromEntries(
    statuses.map((status) => [
      String(status),
      { description: errorDescription(status), content: { 'application/json': { schema } } },
    ]),
  );
}

const made = {
  description: 'The answer to the offer',
  headers: {
    Location: { description: 'The address of the session', schema: text },
    ETag: { description: 'Of the ICE session: PATCH needs it as If-Match', schema: text },
    Link: { description: 'STUN and TURN servers (`rel="ice-server"`), and extensions', schema: text },
  },
  content: { [SDP]: { schema: text } },
};

function sessionOf(what: string): Record<string, Operation> {
  const parameters = [inPath('sessionId')];
  return {
    patch: {
      summary: `Tell candidates of a ${what}`,
      description:
        'Trickle ICE (RFC 8840). They are not needed: the server finds out by itself where the client is.',
      tags,
      parameters,
      requestBody: body('application/trickle-ice-sdpfrag'),
      responses: {
        204: { description: 'Heard' },
        ...errors(400, 404, 410, 412, 413, 415, 422, 428, 429, 500),
      },
    },
    delete: {
      summary: `End a ${what}`,
      tags,
      parameters,
      responses: { 200: { description: 'Ended' }, ...errors(404, 410, 500) },
    },
  };
}

/**
 * Paths of media and sockets. They carry SDP, playlists and messages without JSON Schemas, so they are described by
 * hand.
 */
export function mediaPaths(): Paths {
  const offer = {
    tags,
    requestBody: body(SDP),
    responses: { 201: made, ...errors(400, 401, 403, 404, 406, 409, 413, 415, 429, 500, 503) },
  };
  const playlist = {
    200: {
      description: 'A playlist (RFC 8216bis)',
      content: { 'application/vnd.apple.mpegurl': { schema: text } },
    },
  };
  return {
    '/whip': {
      post: {
        ...offer,
        summary: 'Publish by WebRTC (WHIP, RFC 9725)',
        description: 'The stream key is the bearer token. The body is the offer, as SDP.',
        security: [{ streamKey: [] }],
      },
    },
    '/whip/{streamKey}': {
      post: {
        ...offer,
        summary: 'Publish by WebRTC, with the key in the address',
        description: 'For encoders that know of no bearer token.',
        parameters: [inPath('streamKey')],
      },
    },
    '/whip/session/{sessionId}': sessionOf('WHIP session'),
    '/whep/{streamId}': {
      post: {
        ...offer,
        summary: 'Watch by WebRTC (WHEP, draft-ietf-wish-whep)',
        description:
          'The body is the offer, as SDP. `v` is the viewer token that joining gave: who has joined is counted once. Nobody publishes: 409; the stream is full: 503 `viewer_limit_reached`, with Retry-After.',
        security: [{}, { bearer: [] }],
        parameters: [
          inPath('streamId', uuid),
          { name: 'v', in: 'query', description: 'Viewer token', schema: text },
        ],
      },
    },
    '/whep/session/{sessionId}': sessionOf('WHEP session'),
    '/whep/session/{sessionId}/layer': {
      post: {
        summary: 'Choose a layer of the picture',
        tags,
        parameters: [inPath('sessionId')],
        requestBody: body('application/json', {
          type: 'object',
          properties: { encodingId: { type: 'string', description: 'As the event `layers` names it' } },
        }),
        responses: { 200: { description: 'Chosen' }, ...errors(400, 404, 410, 413, 415, 429, 500) },
      },
      delete: {
        summary: 'Let the server choose the layer again',
        tags,
        parameters: [inPath('sessionId')],
        responses: { 200: { description: 'Given back' }, ...errors(404, 410, 429, 500) },
      },
    },
    '/whep/session/{sessionId}/events': {
      get: {
        summary: 'What happens to the stream, as server-sent events',
        tags,
        parameters: [inPath('sessionId')],
        responses: {
          200: { description: 'Events', content: { 'text/event-stream': { schema: text } } },
          ...errors(404, 409, 410, 429, 500),
        },
      },
      post: {
        summary: 'Choose the events to be told of',
        description: 'The Location of the answer is where they are told, by GET; DELETE ends it.',
        tags,
        parameters: [inPath('sessionId')],
        requestBody: body('application/json', { type: 'array', items: text }),
        responses: { 201: { description: 'Made' }, ...errors(400, 404, 409, 410, 413, 415, 429, 500) },
      },
    },
    '/hls/{streamId}/index.m3u8': {
      get: {
        summary: 'Watch by HLS: the multivariant playlist',
        description:
          'Low-Latency HLS (RFC 8216bis) with CMAF. The playlists that it names carry a viewer token: players must ask for them as they are named.',
        tags,
        parameters: [
          inPath('streamId', uuid),
          { name: 'v', in: 'query', description: 'Viewer token, if there is one already', schema: text },
        ],
        responses: { ...playlist, ...errors(401, 403, 404, 500, 503) },
      },
    },
    '/hls/{streamId}/{broadcastId}/{rendition}/index.m3u8': {
      get: {
        summary: 'The media playlist of one rendition',
        description: 'With delivery directives it waits for what is asked for (RFC 8216bis, section 6.2.5).',
        tags,
        parameters: [
          inPath('streamId', uuid),
          inPath('broadcastId', uuid),
          inPath('rendition'),
          { name: '_HLS_msn', in: 'query', schema: { type: 'integer' } },
          { name: '_HLS_part', in: 'query', schema: { type: 'integer' } },
          { name: '_HLS_skip', in: 'query', schema: { enum: ['YES', 'v2'] } },
        ],
        responses: { ...playlist, ...errors(400, 403, 404, 500, 503) },
      },
    },
    '/hls/{streamId}/{broadcastId}/{rendition}/{file}': {
      get: {
        summary: 'A segment, a part or an initialization section',
        tags,
        parameters: [
          inPath('streamId', uuid),
          inPath('broadcastId', uuid),
          inPath('rendition'),
          inPath('file'),
        ],
        responses: {
          200: { description: 'CMAF', content: { 'video/mp4': { schema: {} }, 'audio/mp4': { schema: {} } } },
          206: { description: 'The range that was asked for' },
          ...errors(404, 416, 500, 503),
        },
      },
    },
    '/ws': {
      get: {
        summary: 'The socket: chat, presence, the state of streams, signalling',
        description: SOCKET,
        tags,
        security: [{}, { bearer: [] }, { session: [] }],
        responses: {
          101: { description: 'A WebSocket (RFC 6455)' },
          ...errors(400, 401, 403, 426, 429, 503),
        },
      },
    },
    '/socket.io/': {
      get: {
        summary: 'The same events for Socket.IO clients',
        description:
          'Socket.IO 4. Events and their data are those of `/ws`; the acknowledgement callback gets `{success: true, ...data}` or `{success: false, error: {code, message}}`. A token is shown as `auth.token`.',
        tags,
        security: [{}, { bearer: [] }, { session: [] }],
        responses: {
          101: { description: 'A WebSocket' },
          200: { description: 'Long polling' },
          ...errors(400),
        },
      },
    },
  };
}

const SOCKET = `JSON messages \`{event, data, id?}\`, at most 16 KB; one frame from the server may hold an array of them.
Whatever bears an \`id\` is answered with it: \`{event: "ok", data, id}\` or \`{event: "error", data: {code, message}, id}\`.
Browsers on other sites show who they are by a first message \`auth {token}\`, and a newer token of theirs at any time. Whose
sign-in runs out or is revoked is told \`auth:expired {code, message}\` and closed with 4401.

Clients say: \`join-livestream\`, \`leave-livestream\`; \`chat:join\`, \`chat:send\`, \`chat:history\`, \`chat:react\`,
\`chat:poll:create\`, \`chat:poll:vote\`, \`chat:poll:close\`; and for WebRTC \`stream:offer\`, \`stream:join\`,
\`stream:answer\`, \`stream:ice-candidate\`, \`stream:layer\`, \`stream:leave\`, \`stream:end\`.

The server says: \`chat:message\`, \`chat:history\`, \`chat:deleted\`, \`chat:mode\`, \`chat:reactions\`, \`chat:poll\`,
\`viewers:count\`, \`livestream:dismissed\`, and \`stream:state\` (live, reconnecting, ended). Who joins by
\`join-livestream\` is told the last 50 messages by \`chat:history\`, unless with \`history: false\`.`;
