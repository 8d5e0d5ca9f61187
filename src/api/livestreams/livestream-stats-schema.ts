import { type Static, Type } from 'typebox';
import { Id, nullable, ref } from '../server/common-schema.js';
import { Source, Stream, Viewers } from './livestream-schema.js';

const known = (description: string) => nullable(Type.Number({ description }));

export const StreamStats = Type.Object(
  {
    streamId: Id,
    state: Stream.properties.state,
    uptime: known('Seconds since the start of the broadcast; null without one'),
    bitrate: known('Received bits per second, video and audio together'),
    fps: known('Received video frames per second'),
    resolution: nullable(Type.Object({ width: Type.Number(), height: Type.Number() })),
    keyframeInterval: known('Longest recent keyframe interval, seconds'),
    droppedFrames: known('Video frames that the encoder dropped or the network lost; null when unknown'),
    viewers: ref(Viewers),
    source: nullable(ref(Source)),
    notices: Stream.properties.notices,
  },
  { $id: 'StreamStats', description: 'Null: unknown, or not determined yet' },
);
export type StreamStats = Static<typeof StreamStats>;

export const StatsResponse = Type.Object({ stats: ref(StreamStats) }, { $id: 'StatsResponse' });
export type StatsResponse = Static<typeof StatsResponse>;

export const STATS_SCHEMAS = [StreamStats, StatsResponse];
