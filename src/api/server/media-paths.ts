import {
  errors,
  inPath,
  type Operation,
  type Paths,
  playlist,
  tags,
  text,
  uuid,
} from './media-path-parts.js';
import { recordedMediaPaths } from './recorded-media-paths.js';

const SDP = 'application/sdp';
function body(type: string, schema: object = text): object {
  return { required: true, content: { [type]: { schema } } };
}

const created = {
  description: 'SDP answer',
  headers: {
    Location: { description: 'URL of the session', schema: text },
    ETag: { description: 'Entity tag of the ICE session, for If-Match of PATCH', schema: text },
    Link: { description: 'STUN and TURN servers (`rel="ice-server"`), and extensions', schema: text },
  },
  content: { [SDP]: { schema: text } },
};

function sessionOf(what: string): Record<string, Operation> {
  const parameters = [inPath('sessionId')];
  return {
    patch: {
      summary: `Send ICE candidates of a ${what}`,
      description:
        'Trickle ICE (RFC 8840). Optional: the server learns the address of the client from its connectivity checks.',
      tags,
      parameters,
      requestBody: body('application/trickle-ice-sdpfrag'),
      responses: {
        204: { description: 'Accepted' },
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
    responses: { 201: created, ...errors(400, 401, 403, 404, 406, 409, 413, 415, 429, 500, 503) },
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
        summary: 'Publish by WebRTC, with the stream key in the URL',
        description: 'For encoders that cannot send a bearer token.',
        parameters: [inPath('streamKey')],
      },
    },
    '/whip/session/{sessionId}': sessionOf('WHIP session'),
    '/whep/{streamId}': {
      post: {
        ...offer,
        summary: 'Watch by WebRTC (WHEP, draft-ietf-wish-whep)',
        description:
          'The body is the offer, as SDP. `v` is the viewer token of the join request, so that the viewer is counted once. 409: the stream has no broadcast. 503 `viewer_limit_reached`, with Retry-After: the viewer limit is reached.',
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
        summary: 'Select a simulcast layer of the video',
        tags,
        parameters: [inPath('sessionId')],
        requestBody: body('application/json', {
          type: 'object',
          properties: {
            encodingId: { type: 'string', description: 'Id of the layer in the event `layers`' },
          },
        }),
        responses: { 200: { description: 'Selected' }, ...errors(400, 404, 410, 413, 415, 429, 500) },
      },
      delete: {
        summary: 'Return to automatic layer selection',
        tags,
        parameters: [inPath('sessionId')],
        responses: { 200: { description: 'Automatic' }, ...errors(404, 410, 429, 500) },
      },
    },
    '/whep/session/{sessionId}/events': {
      get: {
        summary: 'Receive events of the stream (server-sent events)',
        tags,
        parameters: [inPath('sessionId')],
        responses: {
          200: { description: 'Events', content: { 'text/event-stream': { schema: text } } },
          ...errors(404, 409, 410, 429, 500),
        },
      },
      post: {
        summary: 'Subscribe to events',
        description: 'GET on the Location of the response receives the events; DELETE ends the subscription.',
        tags,
        parameters: [inPath('sessionId')],
        requestBody: body('application/json', { type: 'array', items: text }),
        responses: { 201: { description: 'Created' }, ...errors(400, 404, 409, 410, 413, 415, 429, 500) },
      },
    },
    '/hls/{streamId}/index.m3u8': {
      get: {
        summary: 'Watch by HLS: the multivariant playlist',
        description:
          'Low-Latency HLS (RFC 8216bis) with CMAF. URIs of media playlists contain a viewer token: players must request them unchanged.',
        tags,
        parameters: [
          inPath('streamId', uuid),
          { name: 'v', in: 'query', description: 'Viewer token of an earlier request, if any', schema: text },
        ],
        responses: { ...playlist, ...errors(401, 403, 404, 500, 503) },
      },
    },
    '/hls/{streamId}/{broadcastId}/{rendition}/index.m3u8': {
      get: {
        summary: 'Media playlist of one rendition',
        description:
          'With delivery directives the response is blocked until the segment or part exists (RFC 8216bis, section 6.2.5).',
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
        summary: 'Segment, part or initialization section',
        tags,
        parameters: [
          inPath('streamId', uuid),
          inPath('broadcastId', uuid),
          inPath('rendition'),
          inPath('file'),
        ],
        responses: {
          200: { description: 'CMAF', content: { 'video/mp4': { schema: {} }, 'audio/mp4': { schema: {} } } },
          206: { description: 'The requested range' },
          ...errors(404, 416, 500, 503),
        },
      },
    },
    '/rewind/{streamId}/index.m3u8': {
      get: {
        summary: 'Rewind a running broadcast by HLS: the multivariant playlist',
        description:
          'Reaches back `DVR_WINDOW`: an EVENT playlist up to the start of the broadcast, or a sliding one. URIs contain a viewer token, as those of `/hls`.',
        tags,
        parameters: [
          inPath('streamId', uuid),
          { name: 'v', in: 'query', description: 'Viewer token of an earlier request, if any', schema: text },
          {
            ...{ name: 'from', in: 'query', schema: { type: 'integer' } },
            description: 'Date at which players start (EXT-X-START), milliseconds since 1970',
          },
        ],
        responses: { ...playlist, ...errors(400, 401, 403, 404, 429, 500, 503) },
      },
    },
    '/rewind/{streamId}/{broadcastId}/{rendition}/{file}': {
      get: {
        summary: 'Media playlist, segment or initialization section of a window',
        tags,
        parameters: [
          inPath('streamId', uuid),
          inPath('broadcastId', uuid),
          inPath('rendition'),
          inPath('file'),
          { name: '_HLS_skip', in: 'query', schema: { enum: ['YES', 'v2'] } },
        ],
        responses: {
          200: { description: 'CMAF', content: { 'video/mp4': { schema: {} }, 'audio/mp4': { schema: {} } } },
          206: { description: 'The requested range' },
          ...errors(404, 416, 500, 503),
        },
      },
    },
    '/dash/{streamId}/index.mpd': {
      get: {
        summary: 'Watch by DASH: the presentation description',
        description:
          'MPEG-DASH (ISO/IEC 23009-1) with the media of `/hls`. The open segment is sent while it is written. 302 to the description of the recording when the livestream has ended.',
        tags,
        parameters: [
          inPath('streamId', uuid),
          { name: 'v', in: 'query', description: 'Viewer token of an earlier request, if any', schema: text },
        ],
        responses: {
          200: { description: 'Description', content: { 'application/dash+xml': { schema: text } } },
          ...errors(401, 403, 404, 500, 503),
        },
      },
    },
    ...recordedMediaPaths('/recordings', 'recordingId', 'recording'),
    ...recordedMediaPaths('/videos', 'videoId', 'uploaded video'),
    '/ws': {
      get: {
        summary: 'Socket: chat, viewers, states of streams, WebRTC signalling',
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
        summary: 'The same events by Socket.IO',
        description:
          'Socket.IO 4. Events and data are those of `/ws`; the acknowledgement is `{success: true, ...data}` or `{success: false, error: {code, message}}`. Clients send a token as `auth.token`.',
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

const SOCKET = `JSON messages \`{event, data, id?}\`, at most 16 KB; a frame from the server may contain an array of messages.
A message with an \`id\` is answered by \`{event: "ok", data, id}\` or \`{event: "error", data: {code, message}, id}\`.
Browsers on other sites authenticate by a first message \`auth {token}\`, and renew the sign-in by a newer token at any time.
When a sign-in expires or is revoked, the server sends \`auth:expired {code, message}\` and closes with 4401.

From clients: \`join-livestream\`, \`leave-livestream\`; \`chat:join\`, \`chat:send\`, \`chat:history\`, \`chat:react\`,
\`chat:poll:create\`, \`chat:poll:vote\`, \`chat:poll:close\`; and for WebRTC \`stream:offer\`, \`stream:join\`,
\`stream:answer\`, \`stream:ice-candidate\`, \`stream:layer\`, \`stream:leave\`, \`stream:end\`.

From the server: \`chat:message\`, \`chat:history\`, \`chat:deleted\`, \`chat:mode\`, \`chat:reactions\`, \`chat:poll\`,
\`viewers:count\`, \`livestream:dismissed\`, and \`stream:state\` (live, reconnecting, ended). After
\`join-livestream\` the server sends the last 50 messages as \`chat:history\`, unless \`history\` is false.`;
