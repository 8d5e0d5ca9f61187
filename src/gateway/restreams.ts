import { hashStreamKey, isStreamKey, type StreamKeys } from '../accounts/index.js';
import type { PublicUrls } from '../api/index.js';
import type { Config } from '../config.js';
import type { WhepEgress } from '../egress/whep/index.js';
import { type Clock, type Logger, type Sql, TargetPolicy } from '../platform/index.js';
import {
  connectRtmp,
  connectSrt,
  connectWhip,
  LoopGuard,
  Restreams,
  type SrtSender,
} from '../restreams/index.js';
import { type StreamRegistry, writeRelayPath } from '../streams/index.js';
import { hasSrt, openSrtOutput, SRT_CONNECT_TIMEOUT_MS, type Transcoder } from '../transcode/index.js';
import type { BoundPorts } from './addresses.js';
import { derivedKey } from './derived-key.js';

export type RestreamModules = {
  sql: Sql;
  streams: StreamRegistry;
  keys: Pick<StreamKeys, 'findByHash'>;
  whepEgress: Pick<WhepEgress, 'offer'>;
  transcoder: Pick<Transcoder, 'ffmpeg'>;
  urls: PublicUrls;
  bound: BoundPorts;
  /** Secret of this gateway. */
  secret: string;
  version: string;
  clock: Clock;
  log: Logger;
};

/** Returns the id of this gateway in relay paths. */
export function relayIdOf(secret: string): string {
  return derivedKey(secret, 'gateway in relay paths').toString('hex').slice(0, 16);
}

/** Opens the restreams and subscribes them to broadcasts. */
export function openRestreams(config: Config, modules: RestreamModules): Restreams {
  const { sql, streams, keys, whepEgress, transcoder, urls, bound, secret, version, clock } = modules;
  const log = modules.log.child({ module: 'restreams' });
  const policy = new TargetPolicy({ privateAddresses: config.restreams.toPrivateAddresses });
  const loops = new LoopGuard({
    ports: () => [bound.http, bound.rtmp, ...(bound.rtmps === undefined ? [] : [bound.rtmps])],
    publicUrls: () =>
      [urls.whip?.(), urls.rtmpServer(), urls.rtmpsServer()].filter((url) => url !== undefined),
    isOwnKey: async (text) => isStreamKey(text) && (await keys.findByHash(hashStreamKey(text))) !== undefined,
  });
  const { ffmpeg } = transcoder;
  let srt: Promise<boolean> | undefined;
  const sender: SrtSender = {
    isAvailable: () => (srt ??= hasSrt(ffmpeg).catch(() => false)),
    open: (address) => openSrtOutput(ffmpeg, address, log),
    connectTimeoutMs: SRT_CONNECT_TIMEOUT_MS,
  };
  const relayId = relayIdOf(secret);
  const restreams = new Restreams({
    sql,
    policy,
    loops,
    hasSrt: sender.isAvailable,
    encryptionKey: derivedKey(config.encryptionSecret ?? secret, 'keys of restream targets'),
    maximumOutputs: config.restreams.maximum,
    connect: async (target, source, signal) => {
      const relayPath = writeRelayPath([...source.relayPath, relayId]);
      const { secret } = target;
      const { streamId, info } = source;
      if (target.protocol === 'whip')
        return await connectWhip({
          ...{ secret, relayPath, agent: `Headend/${version}`, info, policy, loops, clock, signal },
          openOffer: (codec) => whepEgress.offer(streamId, { codec, isRestream: true }),
        });
      if (target.protocol === 'srt') return await connectSrt({ secret, sender, policy, clock });
      return await connectRtmp({
        ...{ secret, relayPath, encoder: `Headend ${version}`, policy, loops, clock, signal },
      });
    },
    clock,
    log,
  });
  streams.subscribe(restreams);
  return restreams;
}
