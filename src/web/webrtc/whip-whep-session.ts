import type { ErrorCode, ErrorResponse } from '../../api/contract.js';
import { errorMessage } from '../locale/gateway-messages.js';
import { webrtcTexts } from '../texts/webrtc.js';
import { parseLinkHeader } from './link-header.js';

/** Limit on a delay from Retry-After: browsers fire timers of more than 24 days at once. */
const MAXIMUM_RETRY_AFTER_S = 3_600;

/** Subset of `RTCIceServer`. */
export type IceServer = { urls: string[]; username?: string; credential?: string };

/** Error answer to a request. */
export type WebrtcRefusal = {
  /** HTTP status; 0 without an answer. */
  status: number;
  /** `error.code` of the API's error shape, where the server sent one. */
  code?: ErrorCode;
  /** Message for the user. */
  message: string;
  /** Seconds, from Retry-After. */
  retryAfterS?: number;
};

export type OpenOptions = {
  /** WHIP or WHEP endpoint. */
  endpoint: string;
  /** SDP */
  offer: string;
  /** Bearer token (RFC 6750): for WHIP the stream key. */
  bearer?: string;
};

export type OpenResult = { session: WhipWhepSession } | { refusal: WebrtcRefusal };

const REQUEST_TIMEOUT_MS = 8_000;
const EXTENSION_PREFIX = 'urn:ietf:params:whep:ext:core:';

/**
 * HTTP side of a WHIP (RFC 9725) or WHEP session (draft-ietf-wish-whep): created by POST with the offer, extended with
 * candidates by PATCH, ended by DELETE.
 *
 * URLs of the server are resolved against the origin that answered the POST: the server may announce another host name.
 */
export class WhipWhepSession {
  /** SDP */
  readonly answer: string;
  readonly iceServers: IceServer[];
  /** URL of layer selection (WHEP layer extension). */
  readonly layerUrl: string | undefined;
  /** URL of event subscription (WHEP server-sent events extension). */
  readonly eventsUrl: string | undefined;
  readonly #resource: string;
  readonly #etag: string | undefined;
  readonly #bearer: string | undefined;
  #deletion: Promise<WebrtcRefusal | undefined> | undefined;

  private constructor(
    response: Response,
    answer: string,
    location: string,
    origin: string,
    bearer: string | undefined,
  ) {
    this.answer = answer;
    this.#resource = onOrigin(location, origin);
    this.#etag = response.headers.get('etag') ?? undefined;
    this.#bearer = bearer;
    const links = parseLinkHeader(response.headers.get('link'));
    const extension = (name: string): string | undefined => {
      const link = links.find(({ rel }) => rel === EXTENSION_PREFIX + name);
      return link && onOrigin(link.target, origin);
    };
    this.layerUrl = extension('layer');
    this.eventsUrl = extension('server-sent-events');
    this.iceServers = links
      .filter(({ rel, target }) => rel === 'ice-server' && /^(stun|turns?):/i.test(target))
      .map(({ target, parameters: { username, credential } }) => ({
        urls: [target],
        ...(username === undefined ? {} : { username }),
        ...(credential === undefined ? {} : { credential }),
      }));
  }

  /** Sends the offer. Never rejects. */
  static async open({ endpoint, offer, bearer }: OpenOptions): Promise<OpenResult> {
    let response: Response;
    let answer: string;
    try {
      response = await fetch(endpoint, {
        method: 'POST',
        headers: { 'content-type': 'application/sdp', ...authorization(bearer) },
        body: offer,
        signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
      });
      if (response.status !== 201) return { refusal: await refusalOf(response) };
      answer = await response.text();
    } catch {
      return { refusal: { status: 0, message: webrtcTexts.noAnswer } };
    }
    const location = response.headers.get('location');
    if (location === null || !/^application\/sdp\b/i.test(response.headers.get('content-type') ?? ''))
      return { refusal: { status: 502, message: webrtcTexts.invalidAnswer } };
    return { session: new WhipWhepSession(response, answer, location, response.url || endpoint, bearer) };
  }

  /** Sends candidates (`application/trickle-ice-sdpfrag`, RFC 8840). @returns the refusal, if it was refused */
  async addCandidates(fragment: string): Promise<WebrtcRefusal | undefined> {
    return await this.#request(this.#resource, {
      method: 'PATCH',
      headers: {
        'content-type': 'application/trickle-ice-sdpfrag',
        ...(this.#etag === undefined ? {} : { 'if-match': this.#etag }),
      },
      body: fragment,
    });
  }

  /** Selects a layer of the video; without `rid` the server chooses. @returns the refusal, if it was refused */
  async selectLayer(mediaId: string, rid: string | undefined): Promise<WebrtcRefusal | undefined> {
    if (this.layerUrl === undefined) return { status: 501, message: webrtcTexts.noLayers };
    return await this.#request(this.layerUrl, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(rid === undefined ? { mediaId } : { mediaId, rid }),
    });
  }

  /** Subscribes to server-sent events. @returns the URL of the event stream */
  async subscribeEvents(events: readonly string[]): Promise<string | undefined> {
    if (this.eventsUrl === undefined) return undefined;
    try {
      const response = await fetch(this.eventsUrl, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...authorization(this.#bearer) },
        body: JSON.stringify(events),
        signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
      });
      const location = response.headers.get('location');
      return response.status === 201 && location !== null ? onOrigin(location, this.eventsUrl) : undefined;
    } catch {
      return undefined;
    }
  }

  /**
   * Checks that the session exists by a PATCH without candidates, as RFC 9725 section 4.2 reserves GET.
   *
   * @returns the refusal, if it does not
   */
  async checkAlive(): Promise<WebrtcRefusal | undefined> {
    return await this.addCandidates('a=end-of-candidates\r\n');
  }

  /**
   * Deletes the session on the server; sent even while the page unloads. Idempotent.
   *
   * @returns the refusal, if any: 410 when the server has ended the session, with the reason
   */
  async endSession(): Promise<WebrtcRefusal | undefined> {
    this.#deletion ??= this.#request(this.#resource, { method: 'DELETE', keepalive: true });
    return await this.#deletion;
  }

  async #request(
    url: string,
    init: { method: string; headers?: Record<string, string>; body?: string; keepalive?: boolean },
  ): Promise<WebrtcRefusal | undefined> {
    try {
      const response = await fetch(url, {
        ...init,
        headers: { ...init.headers, ...authorization(this.#bearer) },
        signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
      });
      return response.ok ? undefined : await refusalOf(response);
    } catch {
      return { status: 0, message: webrtcTexts.noAnswer };
    }
  }
}

function authorization(bearer: string | undefined): Record<string, string> {
  return bearer === undefined ? {} : { authorization: `Bearer ${bearer}` };
}

function onOrigin(address: string, base: string): string {
  const { pathname, search } = new URL(address, base);
  return new URL(pathname + search, base).href;
}

async function refusalOf(response: Response): Promise<WebrtcRefusal> {
  const text = await response.text().catch(() => '');
  const error = parseError(text);
  // Seconds; the date form (RFC 9110 section 10.2.3) is ignored.
  const retryAfterS = Number(response.headers.get('retry-after'));
  return {
    status: response.status,
    message: error ? await errorMessage(error.code, error.message) : webrtcTexts.refusedWith(response.status),
    ...(error ? { code: error.code } : {}),
    ...(retryAfterS > 0 ? { retryAfterS: Math.min(retryAfterS, MAXIMUM_RETRY_AFTER_S) } : {}),
  };
}

function parseError(text: string): ErrorResponse['error'] | undefined {
  try {
    const { error } = JSON.parse(text) as Partial<ErrorResponse>;
    return typeof error?.message === 'string' ? error : undefined;
  } catch {
    return undefined;
  }
}
