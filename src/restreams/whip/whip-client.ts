import { type IncomingMessage, request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import type { Clock, TargetPolicy } from '../../platform/index.js';
import type { LoopGuard } from '../loop-guard.js';
import type { TargetSecret } from '../restream-target.js';
import { TargetError, wordsOf } from '../target-error.js';

export type WhipClientOptions = {
  secret: TargetSecret;
  relayPath: string;
  /** `User-Agent`. */
  agent: string;
  policy: TargetPolicy;
  loops: Pick<LoopGuard, 'checkConnected'>;
  clock: Clock;
};

/** Session that a WHIP endpoint has created. */
export type WhipSession = { answer: string /** Of the session's resource. */; url: URL | undefined };

/** Time for one request, ms. */
const REQUEST_TIMEOUT_MS = 10_000;
const DELETE_TIMEOUT_MS = 2_000;
const MAXIMUM_BODY_BYTES = 64 * 1024;
const MAXIMUM_REDIRECTS = 3;
const REDIRECTS = new Set([307, 308]);
const CREATED = 201;

type Answer = { status: number; headers: IncomingMessage['headers']; body: string };

/** HTTP side of a WHIP client (RFC 9725): sends an offer, deletes the session. */
export class WhipClient {
  readonly #options: WhipClientOptions;

  constructor(options: WhipClientOptions) {
    this.#options = options;
  }

  /** Posts an offer; follows redirects (section 4.5). @throws TargetError or an error of the connection */
  async offer(sdp: string, signal: AbortSignal): Promise<WhipSession> {
    let url = this.#options.policy.check(this.#options.secret.url);
    for (let redirects = 0; ; redirects++) {
      const answer = await this.#request('POST', url, sdp, REQUEST_TIMEOUT_MS, signal);
      const { status, headers, body } = answer;
      const location = resolved(headers.location, url);
      if (REDIRECTS.has(status) && location) {
        if (redirects >= MAXIMUM_REDIRECTS) throw new TargetError('redirects_too_many');
        if (url.protocol === 'https:' && location.protocol !== 'https:')
          throw new TargetError('redirect_unencrypted');
        url = this.#options.policy.check(location.href);
        continue;
      }
      if (status === CREATED) return { answer: body, url: location };
      throw refusal(answer, this.#options.secret.key);
    }
  }

  /** Ends a session (section 4.2). Never rejects: the server notices the end of the media as well. */
  async end({ url }: WhipSession): Promise<void> {
    if (!url) return;
    const { signal } = new AbortController();
    try {
      await this.#request('DELETE', this.#options.policy.check(url.href), '', DELETE_TIMEOUT_MS, signal);
    } catch {
      // The target may be gone.
    }
  }

  #request(
    method: 'POST' | 'DELETE',
    url: URL,
    body: string,
    timeoutMs: number,
    signal: AbortSignal,
  ): Promise<Answer> {
    const { secret, relayPath, agent, policy, loops, clock } = this.#options;
    // A redirect to another host gets no token, and no token leaves without encryption that came with it.
    const { hostname, protocol } = new URL(secret.url);
    const isTrusted = url.hostname === hostname && (url.protocol === protocol || url.protocol === 'https:');
    return new Promise((resolve, reject) => {
      const request = (url.protocol === 'https:' ? requestHttps : requestHttp)(url, {
        method,
        agent: false,
        lookup: policy.lookup,
        headers: {
          'user-agent': agent,
          accept: 'application/sdp',
          'relay-path': relayPath,
          ...(body === ''
            ? {}
            : { 'content-type': 'application/sdp', 'content-length': Buffer.byteLength(body) }),
          ...(secret.key !== undefined && isTrusted ? { authorization: `Bearer ${secret.key}` } : {}),
        },
        signal,
      });
      const fail = (error: Error): void => {
        cancel();
        request.destroy();
        reject(error);
      };
      const cancel = clock.after(timeoutMs, () => fail(new TargetError('no_answer')));
      request.on('error', fail);
      request.on('socket', (socket) =>
        socket.once('connect', () => {
          try {
            loops.checkConnected(socket);
          } catch (error) {
            fail(error as Error);
          }
        }),
      );
      request.on('response', (response) => {
        const pieces: Buffer[] = [];
        let bytes = 0;
        response.on('data', (piece: Buffer) => {
          bytes += piece.length;
          if (bytes > MAXIMUM_BODY_BYTES) fail(new TargetError('answer_too_long'));
          else pieces.push(piece);
        });
        response.on('error', fail);
        response.on('end', () => {
          cancel();
          const { statusCode: status = 0, headers } = response;
          resolve({ status, headers, body: Buffer.concat(pieces).toString('utf8') });
        });
      });
      request.end(body);
    });
  }
}

function resolved(location: string | undefined, base: URL): URL | undefined {
  return location !== undefined && URL.canParse(location, base.href)
    ? new URL(location, base.href)
    : undefined;
}

function refusal({ status, headers, body }: Answer, key: string | undefined): TargetError {
  if (status === 401 || status === 403) return new TargetError('key_refused');
  if (status === 404) return new TargetError('address_unknown');
  const isText = /^text\/plain|json/.test(headers['content-type'] ?? '');
  const words = isText ? wordsOf(messageIn(body), key) : undefined;
  return new TargetError(
    'stream_refused_by_status',
    `The target refused the stream with status ${status}${words ? `: ${words}` : '.'}`,
  );
}

/** Returns the message of a JSON error in one of the usual forms, or the text. */
function messageIn(body: string): string {
  try {
    const { error, message, detail } = JSON.parse(body) as Record<string, unknown>;
    const inner = (error as { message?: unknown } | undefined)?.message;
    return [inner, message, detail, error].find((text) => typeof text === 'string') ?? '';
  } catch {
    return body;
  }
}
