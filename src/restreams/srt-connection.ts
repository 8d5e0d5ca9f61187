import type { Writable } from 'node:stream';
import { flvFileHeader, frameFlvTag } from '../media/index.js';
import { type Clock, sleep, type TargetPolicy } from '../platform/index.js';
import type { FeedTracks } from './media-feed.js';
import { MediaQueue } from './media-queue.js';
import type { TargetSecret } from './restream-target.js';
import { hostOf } from './target-address.js';
import type { TargetConnection } from './target-connection.js';
import { TargetError } from './target-error.js';

/** SRT by a process. */
export type SrtSender = {
  /** Whether it can be used on this machine. */
  isAvailable(): Promise<boolean>;
  open(target: {
    address: string;
    port: number;
    streamId?: string | undefined;
    passphrase?: string | undefined;
    keyBytes?: number | undefined;
    latencyMs?: number | undefined;
  }): Promise<{ input: Writable; exited: Promise<void>; kill(): void }>;
  /** Time within which it connects or ends, ms. */
  connectTimeoutMs: number;
};

export type SrtConnectionOptions = {
  secret: TargetSecret;
  sender: SrtSender;
  policy: TargetPolicy;
  clock: Clock;
};

/** Time for the process to send the rest, ms. */
const CLOSE_TIMEOUT_MS = 1_000;
/** The process has connected when it lives so much longer than its connect timeout, ms. */
const PROBE_MS = 2_000;

/**
 * Connects to an SRT listener. The process gets the address that the policy allowed.
 *
 * @throws TargetError or an error of the look-up, for `targetErrorOf`
 */
export async function connectSrt({
  secret,
  sender,
  policy,
  clock,
}: SrtConnectionOptions): Promise<TargetConnection> {
  if (!(await sender.isAvailable())) throw new TargetError('srt_unavailable');
  const url = policy.check(secret.url, ['srt']);
  const latency = url.searchParams.get('latency');
  const keyBytes = url.searchParams.get('pbkeylen');
  const output = await sender.open({
    address: await addressOf(hostOf(url), policy),
    port: Number(url.port),
    streamId: secret.key,
    passphrase: secret.passphrase,
    keyBytes: keyBytes === null ? undefined : Number(keyBytes),
    latencyMs: latency === null ? undefined : Number(latency),
  });
  const { input, exited, kill } = output;
  let sent: FeedTracks | undefined;
  const queue = new MediaQueue({
    output: input,
    frame: (tag, timestamp) => frameFlvTag(tag, timestamp % 2 ** 31),
    onTracks: (tracks) => {
      const has = { audio: tracks.audio !== undefined, video: tracks.video !== undefined };
      // The container cannot change its tracks: the next process begins with them.
      if (sent && (!sent.audio !== !has.audio || !sent.video !== !has.video)) kill();
      const isFirst = sent === undefined;
      sent = tracks;
      return isFirst ? [flvFileHeader(has)] : [];
    },
  });
  const over = new AbortController();
  const closed = exited.then(() => {
    over.abort();
    queue.close();
    return new TargetError('srt_ended');
  });
  return {
    reader: queue,
    traffic: queue,
    established: sleep(clock, sender.connectTimeoutMs + PROBE_MS, over.signal).then(
      () => !over.signal.aborted,
    ),
    closed,
    close() {
      queue.close();
      input.end();
      clock.after(CLOSE_TIMEOUT_MS, kill, over.signal);
    },
    destroy: kill,
  };
}

function addressOf(host: string, policy: TargetPolicy): Promise<string> {
  if (/^[\d.]+$|:/.test(host)) return Promise.resolve(host);
  return new Promise((resolve, reject) => {
    policy.lookup(host, {}, (error, address) => {
      if (error) reject(error);
      else resolve(String(address));
    });
  });
}
