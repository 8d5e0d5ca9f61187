import { type Static, Type } from 'typebox';
import { Viewers } from '../livestreams/livestream-schema.js';
import { ref, Time } from '../server/common-schema.js';

const ViewerToken = Type.String({
  minLength: 1,
  maxLength: 1_200,
  pattern: '^[\\w-]+$',
  description:
    'Identifies one viewer (a browser tab, a player) of one livestream: requests with the same token count once. Also the query parameter `v` of playlists and of the WHEP endpoint',
});

const ViewerCount = Type.Integer({ description: 'Number of current viewers' });

export const JoinRequest = Type.Object(
  { viewerToken: Type.Optional(ViewerToken) },
  { $id: 'JoinRequest', additionalProperties: false, examples: [{}] },
);

export const JoinResponse = Type.Object(
  {
    success: Type.Literal(true),
    iceServers: Type.Array(
      Type.Object({
        urls: Type.Array(Type.String()),
        username: Type.Optional(Type.String()),
        credential: Type.Optional(Type.String()),
      }),
      { description: '`iceServers` of an RTCPeerConnection' },
    ),
    viewerToken: ViewerToken,
    viewers: ViewerCount,
    state: Type.Enum(['offline', 'starting', 'live', 'reconnecting', 'ending']),
  },
  {
    $id: 'JoinResponse',
    examples: [
      {
        success: true,
        iceServers: [{ urls: ['stun:stun.example.org:3478'] }],
        viewerToken: 'AQBnQk1fAZNZ8H2ndNu8zrMCCZqAVxk1cJ6yT0o0nXgTzq0bqkA',
        viewers: 1,
        state: 'live',
      },
    ],
  },
);

export const LeaveRequest = Type.Object(
  { viewerToken: Type.Optional(ViewerToken) },
  { $id: 'LeaveRequest', additionalProperties: false },
);

export const BeaconRequest = Type.Object(
  { viewerToken: ViewerToken },
  { $id: 'BeaconRequest', additionalProperties: false },
);

export const BeaconResponse = Type.Object(
  { success: Type.Literal(true), viewers: ViewerCount },
  { $id: 'BeaconResponse', examples: [{ success: true, viewers: 12 }] },
);

export const HistoryQuery = Type.Object(
  {
    minutes: Type.Integer({
      minimum: 1,
      maximum: 1_440,
      default: 60,
      description: 'Length of the history, minutes',
    }),
  },
  { additionalProperties: false },
);

export const ViewersResponse = Type.Object(
  {
    viewers: ref(Viewers),
    history: Type.Optional(
      Type.Array(
        Type.Object({
          minute: Time,
          viewers: Type.Integer({ description: 'Maximum concurrent viewers within the minute' }),
          byProtocol: Viewers.properties.byProtocol,
        }),
        { description: 'Included for the broadcaster and admins; minutes without viewers are missing' },
      ),
    ),
  },
  {
    $id: 'ViewersResponse',
    examples: [
      {
        viewers: { total: 3, byProtocol: { whep: 1, 'll-hls': 2, hls: 0, dash: 0 } },
        history: [
          {
            minute: '2026-01-01T00:00:00.000Z',
            viewers: 4,
            byProtocol: { whep: 1, 'll-hls': 3, hls: 0, dash: 0 },
          },
        ],
      },
    ],
  },
);
export type ViewersResponse = Static<typeof ViewersResponse>;

export const AUDIENCE_SCHEMAS = [
  JoinRequest,
  JoinResponse,
  LeaveRequest,
  BeaconRequest,
  BeaconResponse,
  ViewersResponse,
];
