import { type Static, Type } from 'typebox';
import { Id, nullable, ref } from '../server/common-schema.js';
import { Source, Stream, Viewers } from './livestream-schema.js';

const known = (description: string) => nullable(Type.Number({ description }));

export const StreamStats = Type.Object(
  {
    streamId: Id,
    state: Stream.properties.state,
    uptime: known('Seconds since the broadcast began; null while there is none'),
    bitrate: known('Bits per second that arrive, picture and sound together'),
    fps: known('Pictures per second that arrive'),
    resolution: nullable(Type.Object({ width: Type.Number(), height: Type.Number() })),
    keyframeInterval: known('Seconds, the longest of the last few'),
    droppedFrames: known(
      'Pictures that the encoder left out or that were lost on the way; null where nobody can tell',
    ),
    viewers: ref(Viewers),
    source: nullable(ref(Source)),
    notices: Stream.properties.notices,
  },
  { $id: 'StreamStats', description: 'Null is what is not known (yet)' },
);
export type StreamStats = Static<typeof StreamStats>;

export const StatsResponse = Type.Object({ stats: ref(StreamStats) }, { $id: 'StatsResponse' });
export type StatsResponse = Static<typeof StatsResponse>;

export const STATS_SCHEMAS = [StreamStats, StatsResponse];
