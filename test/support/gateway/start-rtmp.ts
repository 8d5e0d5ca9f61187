import { pino } from 'pino';
import type { Test } from 'tap';
import { createRtmpServer, type RtmpServer, type RtmpServerOptions } from '../../../src/ingest/rtmp/index.js';
import { DEFAULT_MAX_PICTURE_PIXELS } from '../../../src/media/index.js';
import { systemClock } from '../../../src/platform/index.js';
import type { Publisher } from '../../../src/streams/index.js';
import { RtmpClient } from '../clients/rtmp-client.js';
import { RecordingPublication } from '../fakes/recording-publication.js';

export const ADMITTED_STREAM_KEY = 'good-key-1234567890';

export type RtmpFixture = {
  server: RtmpServer;
  port: number;
  /** In the order of admission. */
  publications: RecordingPublication[];
  /** Everything that was logged, one JSON line each. */
  logLines: string[];
  /** A client that is gone when the test is. */
  client(options?: { tls?: boolean }): RtmpClient;
  /** A client that publishes, and its publication. */
  publishingClient(): Promise<{ client: RtmpClient; publication: RecordingPublication }>;
};

/** An RTMP server that admits one key, closed with the test. */
export async function startRtmpFixture(
  t: Test,
  options: Partial<RtmpServerOptions> = {},
): Promise<RtmpFixture> {
  const publications: RecordingPublication[] = [];
  const logLines: string[] = [];
  const clients: RtmpClient[] = [];
  const server = createRtmpServer({
    host: '127.0.0.1',
    port: 0,
    readableCodecs: { hevc: false, av1: false, vp9: false },
    maxPixels: DEFAULT_MAX_PICTURE_PIXELS,
    clock: systemClock,
    log: pino({ level: 'trace', base: null }, { write: (line: string) => void logLines.push(line) }),
    publish: async (publisher: Publisher) => {
      if (publisher.streamKey !== ADMITTED_STREAM_KEY) {
        const message = 'This stream key is not known: copy it again from the livestream page.';
        return { refusal: { code: 'stream_key_unknown', message } };
      }
      const publication = new RecordingPublication(publisher);
      publications.push(publication);
      return { publication };
    },
    ...options,
  });
  await server.start();
  t.teardown(async () => {
    for (const client of clients) client.destroy();
    await server.close();
  });
  const { port, rtmpsPort } = server.address();
  const client = (how: { tls?: boolean } = {}): RtmpClient => {
    const made = new RtmpClient(how.tls ? rtmpsPort! : port, how);
    clients.push(made);
    return made;
  };
  const publishingClient = async (): Promise<{ client: RtmpClient; publication: RecordingPublication }> => {
    const made = client();
    await made.start(ADMITTED_STREAM_KEY);
    return { client: made, publication: publications.at(-1)! };
  };
  return { server, port, publications, logLines, client, publishingClient };
}

/** Waits for something to become true, looking often. @throws after ten seconds. */
export async function eventually(condition: () => boolean): Promise<void> {
  for (let tries = 0; !condition(); tries++) {
    if (tries > 1_000) throw new Error('it never came true');
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
