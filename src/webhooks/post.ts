import { request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { type Clock, messageOf } from '../platform/index.js';
import type { TargetPolicy } from './target-policy.js';

/** Bytes of an answer that are taken before the connection is closed; nobody looks at them. */
const MAX_RESPONSE_BYTES = 1_024;

export type PostOptions = {
  url: string;
  headers: Record<string, string>;
  body: string;
  /** For all of it: the look-up, the connection, the answer. */
  timeoutMs: number;
  policy: TargetPolicy;
  clock: Clock;
  signal: AbortSignal;
};

/** What came back: the HTTP status, or why there was none. */
export type PostResult = { status: number } | { error: string };

/** Connections that failed to several addresses of a name have no message of their own. */
function errorText(error: Error & { code?: string }): string {
  return error.message || (error.code ?? error.name);
}

/** Posts JSON on a connection of its own. Redirects are not followed: they are answers like others. Never rejects. */
export function post(options: PostOptions): Promise<PostResult> {
  const { headers, body, timeoutMs, policy, clock, signal } = options;
  return new Promise((settle) => {
    let url: URL;
    try {
      url = policy.check(options.url);
    } catch (error) {
      return settle({ error: messageOf(error) });
    }
    const length = String(Buffer.byteLength(body));
    const request = (url.protocol === 'https:' ? requestHttps : requestHttp)(url, {
      method: 'POST',
      agent: false,
      lookup: policy.lookup,
      headers: { 'content-type': 'application/json', 'content-length': length, ...headers },
      signal,
    });
    let status: number | undefined;
    const finish = (result: PostResult): void => {
      cancel();
      request.destroy();
      settle(status === undefined ? result : { status });
    };
    const cancel = clock.after(timeoutMs, () =>
      finish({ error: `There was no answer within ${timeoutMs / 1_000} s.` }),
    );
    request.on('error', (error) => finish({ error: errorText(error) }));
    request.on('response', (response) => {
      status = response.statusCode ?? 0;
      let bytes = 0;
      const done = (): void => finish({ error: '' });
      response.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
        if (bytes > MAX_RESPONSE_BYTES) done();
      });
      response.on('end', done).on('error', done).on('close', done);
    });
    request.end(body);
  });
}
