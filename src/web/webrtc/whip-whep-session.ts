import type { ErrorResponse } from '../../api/contract.js';
import { parseLinkHeader } from './link-header.js';

/** As `RTCIceServer` has it. */
export type IceServer = { urls: string[]; username?: string; credential?: string };

/** Why a request was not granted. */
export type Refusal = {
  /** HTTP status; 0 where no answer came. */
  status: number;
  /** `error.code` of the API's error shape, where the server told it. */
  code?: string;
  /** A sentence for people. */
  message: string;
  /** Seconds that the server wants to be left alone. */
  retryAfter?: number;
};

export type OpenOptions = {
  /** The WHIP or WHEP endpoint. */
  endpoint: string;
  /** SDP */
  offer: string;
  /** Bearer token (RFC 6750): for WHIP the stream key. */
  bearer?: string;
};

export type Opened = { session: WhipWhepSession } | { refusal: Refusal };

const TIMEOUT_MS = 8_000;
const EXTENSION = 'urn:ietf:params:whep:ext:core:';

/**
 * The HTTP side of one WHIP session (RFC 9725) or WHEP session (draft-ietf-wish-whep): opened by a POST with the offer,
 * fed with candidates by PATCH, ended by DELETE.
 *
 * All addresses that the server gives are asked for on the origin that answered the POST: it may know itself by
 * another name than this page does.
 */
export class WhipWhepSession {
  /** SDP */
  readonly answer: string;
  readonly iceServers: IceServer[];
  /** Where layers are selected (WHEP, layer extension). */
  readonly layerUrl: string | undefined;
  /** Where server-sent events are subscribed to (WHEP, server-sent-events extension). */
  readonly eventsUrl: string | undefined;
  readonly #resource: string;
  readonly #etag: string | undefined;
  readonly #bearer: string | undefined;
  #end: Promise<Refusal | undefined> | undefined;

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
      const link = links.find(({ rel }) => rel === EXTENSION + name);
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

  /** Sends the offer. Resolves in any case. */
  static async open({ endpoint, offer, bearer }: OpenOptions): Promise<Opened> {
    let response: Response;
    let answer: string;
    try {
      response = await fetch(endpoint, {
        method: 'POST',
        headers: { 'content-type': 'application/sdp', ...authorization(bearer) },
        body: offer,
        signal: AbortSignal.timeout(TIMEOUT_MS),
      });
      if (response.status !== 201) return { refusal: await refusalOf(response) };
      answer = await response.text();
    } catch {
      return { refusal: { status: 0, message: 'The server does not answer.' } };
    }
    const location = response.headers.get('location');
    if (location === null || !/^application\/sdp\b/i.test(response.headers.get('content-type') ?? ''))
      return { refusal: { status: 502, message: 'The server’s answer is not one of WHIP or WHEP.' } };
    return { session: new WhipWhepSession(response, answer, location, response.url || endpoint, bearer) };
  }

  /** Tells the server of candidates (`application/trickle-ice-sdpfrag`, RFC 8840). @returns the refusal, if it was refused */
  async addCandidates(fragment: string): Promise<Refusal | undefined> {
    return await this.#request(this.#resource, {
      method: 'PATCH',
      headers: {
        'content-type': 'application/trickle-ice-sdpfrag',
        ...(this.#etag === undefined ? {} : { 'if-match': this.#etag }),
      },
      body: fragment,
    });
  }

  /** Asks for one layer of the picture, or leaves the choice to the server. @returns the refusal, if it was refused */
  async selectLayer(mediaId: string, rid: string | undefined): Promise<Refusal | undefined> {
    if (this.layerUrl === undefined)
      return { status: 501, message: 'The server offers no choice of layers.' };
    return await this.#request(this.layerUrl, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(rid === undefined ? { mediaId } : { mediaId, rid }),
    });
  }

  /** Subscribes to server-sent events. @returns where they can be read */
  async subscribe(events: readonly string[]): Promise<string | undefined> {
    if (this.eventsUrl === undefined) return undefined;
    try {
      const response = await fetch(this.eventsUrl, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...authorization(this.#bearer) },
        body: JSON.stringify(events),
        signal: AbortSignal.timeout(TIMEOUT_MS),
      });
      const location = response.headers.get('location');
      return response.status === 201 && location !== null ? onOrigin(location, this.eventsUrl) : undefined;
    } catch {
      return undefined;
    }
  }

  /**
   * Asks whether the server still has the session, by telling nothing new (RFC 9725 section 4.2 keeps GET for later).
   *
   * @returns the refusal, if it has not
   */
  async ask(): Promise<Refusal | undefined> {
    return await this.addCandidates('a=end-of-candidates\r\n');
  }

  /**
   * Ends the session on the server; goes through also while the page is being left. Idempotent.
   *
   * @returns the refusal, if it was refused: 410 when the server has ended it and says why
   */
  async end(): Promise<Refusal | undefined> {
    this.#end ??= this.#request(this.#resource, { method: 'DELETE', keepalive: true });
    return await this.#end;
  }

  async #request(
    url: string,
    init: { method: string; headers?: Record<string, string>; body?: string; keepalive?: boolean },
  ): Promise<Refusal | undefined> {
    try {
      const response = await fetch(url, {
        ...init,
        headers: { ...init.headers, ...authorization(this.#bearer) },
        signal: AbortSignal.timeout(TIMEOUT_MS),
      });
      return response.ok ? undefined : await refusalOf(response);
    } catch {
      return { status: 0, message: 'The server does not answer.' };
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

async function refusalOf(response: Response): Promise<Refusal> {
  const text = await response.text().catch(() => '');
  const error = errorIn(text);
  // Seconds; a date (RFC 9110 section 10.2.3) is not worth the reckoning here.
  const retryAfter = Number(response.headers.get('retry-after'));
  return {
    status: response.status,
    message: error?.message ?? `The server refused with status ${response.status}.`,
    ...(error ? { code: error.code } : {}),
    ...(retryAfter > 0 ? { retryAfter } : {}),
  };
}

function errorIn(text: string): ErrorResponse['error'] | undefined {
  try {
    const { error } = JSON.parse(text) as Partial<ErrorResponse>;
    return typeof error?.message === 'string' ? error : undefined;
  } catch {
    return undefined;
  }
}
