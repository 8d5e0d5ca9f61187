import { setTimeout } from 'node:timers/promises';
import type { Test } from 'tap';
import { RtmpClient } from '../clients/rtmp-client.js';
import type { GatewayProcess, Livestream } from '../gateway/gateway-process.js';
import type { FileTag } from '../media/flv-file.js';

const CHUNK_SIZE = 60_000;
const SCRIPT = 18;

/** Tag that is sent at another time than its timestamp says, ms since the start. */
export type TimedTag = FileTag & { sentAtMs?: number };

/** Publishes tags in real time, in their order, until they end or the test does; the connection stays open. */
export async function publishTags(
  t: Test,
  gateway: GatewayProcess,
  { streamKey }: Livestream,
  tags: readonly TimedTag[],
): Promise<RtmpClient> {
  const client = new RtmpClient(gateway.rtmpPort);
  const over = new AbortController();
  await client.start(streamKey);
  client.setChunkSize(CHUNK_SIZE);
  const sent = sendTags(client, tags, over.signal);
  t.teardown(async () => {
    over.abort();
    client.destroy();
    await sent;
  });
  return client;
}

async function sendTags(client: RtmpClient, tags: readonly TimedTag[], over: AbortSignal): Promise<void> {
  const startedAt = performance.now();
  for (const { kind, timestamp, body, sentAtMs = timestamp } of tags) {
    const early = startedAt + sentAtMs - performance.now();
    if (early > 2) await setTimeout(early, undefined, { signal: over }).catch(() => {});
    if (over.aborted || client.closed) return;
    if (kind === 'script') client.message({ type: SCRIPT, payload: body, chunkStreamId: 4, streamId: 1 });
    else client[kind](timestamp, body);
  }
}
