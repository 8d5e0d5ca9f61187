import { request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { type Clock, messageOf, type TargetPolicy } from '../platform/index.js';

/** Response bytes read before the connection is closed; their content is ignored. */
const MAX_RESPONSE_BYTES = 1_024;

export type PostOptions = {
  url: string;
  headers: Record<string, string>;
  body: string;
  /** Timeout of the whole request, including DNS and response, ms. */
  timeoutMs: number;
  policy: TargetPolicy;
  clock: Clock;
  signal: AbortSignal;
};

/** HTTP status, or the reason why there was no response. */
export type PostResult = { status: number } | { error: string };

/** Returns an error's text; an AggregateError of failed connections to several addresses has only a code. */
function errorText(error: Error & { code?: string }): string {
  return error.message || (error.code ?? error.name);
}

/** Posts JSON on a new connection. Redirects are not followed and count as responses. Never rejects. */
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
      finish({ error: `No response within ${timeoutMs / 1_000} s.` }),
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
