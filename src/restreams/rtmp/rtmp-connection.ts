import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { MESSAGE } from '../../ingest/rtmp/index.js';
import type { Clock, TargetPolicy } from '../../platform/index.js';
import type { LoopGuard } from '../loop-guard.js';
import type { FeedTracks } from '../media-feed.js';
import { MediaQueue } from '../media-queue.js';
import type { TargetSecret } from '../restream-target.js';
import { rtmpAddress } from '../target-address.js';
import { CONNECT_TIMEOUT_MS, type TargetConnection } from '../target-connection.js';
import { TargetError, targetErrorOf } from '../target-error.js';
import { CHUNK_STREAM } from './chunk-writer.js';
import { streamMetadata } from './metadata.js';
import { RtmpSession } from './rtmp-session.js';

export type RtmpConnectionOptions = {
  secret: TargetSecret;
  relayPath: string;
  /** Name of this server in the metadata. */
  encoder: string;
  policy: TargetPolicy;
  loops: Pick<LoopGuard, 'checkConnected'>;
  clock: Clock;
  signal: AbortSignal;
};

/** Time for the target to take the end of the stream, ms. */
const CLOSE_TIMEOUT_MS = 1_000;

/**
 * Connects to an RTMP server and publishes. The address that the policy allowed is the one connected to; the
 * certificate of RTMPS is verified.
 *
 * @throws TargetError or an error of the connection, for `targetErrorOf`
 */
export async function connectRtmp(options: RtmpConnectionOptions): Promise<TargetConnection> {
  const { secret, policy, loops, clock, signal } = options;
  const address = rtmpAddress(secret);
  const { host, port, secure, app, tcUrl } = address;
  policy.check(secret.url, ['rtmp', 'rtmps']);
  const destination = { host, port, lookup: policy.lookup };
  const servername = /^[\d.]+$|:/.test(host) ? undefined : host;
  const socket: Socket = secure
    ? connectTls({ ...destination, ...(servername === undefined ? {} : { servername }) })
    : connectTcp(destination);
  socket.on('error', () => {}); // 'close' follows; `failed` and `closed` tell the reason.
  const failed = new Promise<never>((_, reject) => {
    socket.once('error', reject);
    socket.once('close', () => reject(session?.refusal ?? new TargetError('closed')));
  });
  failed.catch(() => {});
  const abort = (): void => void socket.destroy();
  signal.addEventListener('abort', abort, { once: true });
  let isLate = false as boolean;
  const cancel = clock.after(CONNECT_TIMEOUT_MS, () => {
    isLate = true;
    socket.destroy();
  });
  let session: RtmpSession | undefined;
  try {
    if (signal.aborted) abort();
    const connected = new Promise<void>((resolve) => {
      socket.once(secure ? 'secureConnect' : 'connect', () => resolve());
    });
    await Promise.race([connected, failed]);
    loops.checkConnected(socket);
    socket.setNoDelay(true);
    const { key: streamKey = '' } = secret;
    session = new RtmpSession(socket, { app, tcUrl, streamKey, relayPath: options.relayPath });
    await Promise.race([session.published, failed]);
    return openConnection(socket, session, options);
  } catch (error) {
    socket.destroy();
    throw isLate ? new TargetError('no_answer') : error;
  } finally {
    cancel();
    signal.removeEventListener('abort', abort);
  }
}

function openConnection(
  socket: Socket,
  session: RtmpSession,
  options: RtmpConnectionOptions,
): TargetConnection {
  const { relayPath, encoder, clock } = options;
  const { writer, streamId } = session;
  const queue = new MediaQueue({
    output: socket,
    frame: ({ kind, body }, timestamp) =>
      writer.write(
        {
          chunkStreamId: kind === 'video' ? CHUNK_STREAM.video : CHUNK_STREAM.audio,
          type: kind === 'video' ? MESSAGE.video : MESSAGE.audio,
          timestamp,
          streamId,
        },
        body,
      ),
    onTracks: (tracks: FeedTracks, timestamp) =>
      writer.write(
        { chunkStreamId: CHUNK_STREAM.audio, type: MESSAGE.data, timestamp, streamId },
        streamMetadata(tracks, relayPath, encoder),
      ),
  });
  let failure: TargetError | undefined;
  socket.on('error', (error) => {
    failure ??= targetErrorOf(error);
  });
  const closed = new Promise<TargetError>((resolve) => {
    socket.once('close', () => {
      queue.close();
      resolve(session.refusal ?? failure ?? new TargetError('closed'));
    });
    if (socket.destroyed) resolve(new TargetError('closed'));
  });
  return {
    reader: queue,
    traffic: queue,
    closed,
    close() {
      queue.close();
      if (socket.destroyed) return;
      session.unpublish();
      socket.end();
      const cancel = clock.after(CLOSE_TIMEOUT_MS, () => socket.destroy());
      socket.once('close', cancel);
    },
    destroy: () => void socket.destroy(),
  };
}
