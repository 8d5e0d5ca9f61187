import { type Static, Type } from 'typebox';
import { Id, nullable, ref, Time } from '../server/common-schema.js';

export const BroadcastParams = Type.Object({ streamId: Id, broadcastId: Id });

export const BroadcastsQuery = Type.Object(
  {
    limit: Type.Integer({ minimum: 1, maximum: 100, default: 20 }),
    before: Type.Optional(
      Type.String({ format: 'uuid', description: 'Returns broadcasts that began before this one' }),
    ),
  },
  { additionalProperties: false },
);

export const BroadcastView = Type.Object(
  {
    id: Id,
    startedAt: Time,
    endedAt: nullable(Time),
    endReason: nullable(Type.String()),
  },
  { $id: 'Broadcast', description: 'One run of a livestream' },
);
export type BroadcastView = Static<typeof BroadcastView>;

export const BroadcastsResponse = Type.Object(
  { broadcasts: Type.Array(ref(BroadcastView)) },
  { $id: 'BroadcastsResponse' },
);

const counts = (description: string) => Type.Array(Type.Integer(), { description });

export const BroadcastAnalytics = Type.Object(
  {
    broadcast: ref(BroadcastView),
    from: Type.String({ format: 'date-time', description: 'Start of the first interval' }),
    to: Time,
    intervalS: Type.Integer({ description: 'Length of the intervals of the series, seconds' }),
    views: Type.Integer({ description: 'Times that somebody began to watch' }),
    viewers: Type.Integer({ description: 'Different tabs, players and programs that watched' }),
    watchTimeS: Type.Number({ description: 'Time that all viewers watched together, seconds' }),
    peakViewers: Type.Integer({ description: 'Most viewers at the same time' }),
    messages: Type.Integer({ description: 'Chat messages that were not deleted' }),
    authors: Type.Integer({ description: 'People who wrote them' }),
    byProtocol: Type.Array(
      Type.Object({
        protocol: Type.Enum(['whep', 'll-hls', 'hls', 'dash', 'none']),
        views: Type.Integer(),
        watchTimeS: Type.Number(),
      }),
      { description: '`none`: joined without playing' },
    ),
    joinFailures: Type.Array(Type.Object({ code: Type.String(), failures: Type.Integer() }), {
      description:
        'Attempts to watch that failed, by code: that of a refusal by WHEP or HLS, `ice_failed` (no WebRTC connection), `hls_late` (the playlist never came), `player_webrtc` and `player_hls` (reported by players that never had a picture). Somebody who tries again counts again',
    }),
    series: Type.Object(
      {
        total: counts('Most viewers at the same time'),
        whep: counts('Most viewers by WebRTC'),
        'll-hls': counts('Most viewers by low-latency HLS'),
        hls: counts('Most viewers by HLS'),
        dash: counts('Most viewers by DASH'),
        joined: counts('Viewers who came'),
        departed: counts('Viewers who left'),
        joinFailures: counts('Attempts to watch that failed'),
        messages: counts('Chat messages'),
      },
      { description: 'One number for each interval' },
    ),
  },
  {
    $id: 'BroadcastAnalytics',
    description:
      'Numbers of one broadcast, from what is kept of its viewers (`KEEP_VIEWERS_DAYS`) and chat: of its last seven days at most',
  },
);
export type BroadcastAnalytics = Static<typeof BroadcastAnalytics>;

export const BroadcastAnalyticsResponse = Type.Object(
  { analytics: ref(BroadcastAnalytics) },
  { $id: 'BroadcastAnalyticsResponse' },
);

export const ANALYTICS_SCHEMAS = [
  BroadcastView,
  BroadcastsResponse,
  BroadcastAnalytics,
  BroadcastAnalyticsResponse,
];
