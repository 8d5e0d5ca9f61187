import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { type Clock, PublicError } from '../../platform/index.js';
import {
  addResource,
  type SignallingEndpoint,
  type SignallingSession,
  sessionOf,
} from '../../webrtc/index.js';
import { EventStream } from './event-stream.js';
import { EVENT_NAMES, EventSubscription } from './event-subscription.js';
import type { ViewerSession } from './viewer-session.js';

export type ExtensionRoutesOptions = {
  /** Endpoint whose sessions the routes extend. */
  endpoint: SignallingEndpoint<ViewerSession>;
  clock: Clock;
};

const BODY_LIMIT_BYTES = 4_096;
/** Subscriptions of one session. More than one, as browsers reconnect before the old stream has closed. */
const MAXIMUM_SUBSCRIPTIONS = 4;
const JSON_TYPE = 'application/json';

/** Adds layer selection and server-sent events. `prepareSignalling` must have run on the scope. */
export function addExtensions(app: FastifyInstance, options: ExtensionRoutesOptions): void {
  const { endpoint, clock } = options;
  const { sessionUrl: url, basePath, sessions, requestLimit: limit } = endpoint;
  const subscriptions = new WeakMap<ViewerSession, EventSubscription[]>();
  const streams = new Set<EventStream>();
  app.addContentTypeParser(
    JSON_TYPE,
    { parseAs: 'string', bodyLimit: BODY_LIMIT_BYTES },
    app.getDefaultJsonParser('error', 'error'),
  );
  app.addHook('preClose', async () => {
    for (const stream of streams) stream.close();
  });

  const addLayer = addResource(app, `${url}/layer`, ['POST', 'DELETE'], JSON_TYPE);
  addLayer('POST', limit.hook, async (request, reply) => {
    const viewerSession = signallingSessionOf(request).content;
    const rid = wantedLayer(request.body, viewerSession);
    viewerSession.selectLayer(rid);
    return reply.code(200).send({ chosen: rid ?? null });
  });
  addLayer('DELETE', limit.hook, async (request, reply) => {
    signallingSessionOf(request).content.selectLayer(undefined);
    return reply.code(200).send({ chosen: null });
  });

  const addEvents = addResource(app, `${url}/events`, ['GET', 'HEAD', 'POST'], JSON_TYPE);
  addEvents('POST', limit.hook, async (request, reply) => {
    const session = signallingSessionOf(request);
    const subscription = subscribe(session.content, wantedEvents(request.body));
    const path = `${basePath}${url.replace(':sessionId', session.id)}`;
    return reply.code(201).header('location', `${path}/events/${subscription.id}`).send();
  });
  // Not in the draft: serves players that do not create a subscription first.
  addEvents('GET', limit.hook, async (request, reply) => {
    const { content } = signallingSessionOf(request);
    const subscription = subscribe(content, EVENT_NAMES);
    const stream = openStream(request, reply, subscription);
    if (stream) void stream.closed.then(() => removeSubscription(content, subscription));
    return reply;
  });

  const addSubscription = addResource(app, `${url}/events/:subscriptionId`, ['GET', 'HEAD', 'DELETE']);
  addSubscription('GET', limit.hook, async (request, reply) => {
    openStream(request, reply, subscriptionOf(request));
    return reply;
  });
  addSubscription('DELETE', limit.hook, async (request, reply) => {
    removeSubscription(signallingSessionOf(request).content, subscriptionOf(request));
    return reply.code(200).send();
  });

  function signallingSessionOf(request: FastifyRequest): SignallingSession<ViewerSession> {
    return sessionOf(request, sessions);
  }

  function subscriptionOf(request: FastifyRequest): EventSubscription {
    const { subscriptionId } = request.params as { subscriptionId?: string };
    const known = subscriptions.get(signallingSessionOf(request).content) ?? [];
    const subscription = known.find(({ id }) => id === subscriptionId);
    if (!subscription)
      throw new PublicError(
        404,
        'not_found',
        'This event stream does not exist or has ended: subscribe again.',
      );
    return subscription;
  }

  function subscribe(viewerSession: ViewerSession, wanted: readonly string[]): EventSubscription {
    const known = subscriptions.get(viewerSession) ?? [];
    if (known.length >= MAXIMUM_SUBSCRIPTIONS)
      throw new PublicError(
        409,
        'too_many_event_streams',
        'This session has too many event streams: end one first.',
      );
    const subscription = new EventSubscription(viewerSession, wanted);
    subscriptions.set(viewerSession, [...known, subscription]);
    return subscription;
  }

  function removeSubscription(viewerSession: ViewerSession, subscription: EventSubscription): void {
    subscription.close();
    const known = subscriptions.get(viewerSession) ?? [];
    subscriptions.set(
      viewerSession,
      known.filter((other) => other !== subscription),
    );
  }

  function openStream(
    request: FastifyRequest,
    reply: FastifyReply,
    subscription: EventSubscription,
  ): EventStream | undefined {
    reply.hijack();
    const headers = Object.fromEntries(
      Object.entries(reply.getHeaders()).filter(([, value]) => value !== undefined),
    ) as Record<string, string | number | string[]>;
    if (request.method === 'HEAD') {
      reply.raw.writeHead(200, { ...headers, 'content-type': 'text/event-stream' }).end();
      return undefined;
    }
    const stream = new EventStream(reply.raw, headers, clock);
    streams.add(stream);
    void stream.closed.then(() => streams.delete(stream));
    subscription.attach(stream);
    return stream;
  }
}

/** Filters the requested names; ignores unknown ones, which a later draft may define. @throws PublicError 400 */
function wantedEvents(body: unknown): readonly string[] {
  if (body === undefined || body === null) return EVENT_NAMES;
  if (!Array.isArray(body) || !body.every((name) => typeof name === 'string'))
    throw new PublicError(400, 'validation_failed', 'The body must be a list of event names.');
  return EVENT_NAMES.filter((name) => body.includes(name));
}

/** @returns the `rid`; undefined for the server's automatic choice. @throws PublicError 400 */
function wantedLayer(body: unknown, viewerSession: ViewerSession): string | undefined {
  if (typeof body !== 'object' || body === null || Array.isArray(body))
    throw new PublicError(400, 'validation_failed', 'The body must be an object such as {"rid": "h"}.');
  const { mediaId, rid, encodingId } = body as Record<string, unknown>;
  const section = mediaId === undefined || mediaId === null ? viewerSession.videoSection : String(mediaId);
  if (section === undefined || section !== viewerSession.videoSection)
    throw new PublicError(400, 'media_unknown', 'mediaId must be the index of the video section.');
  const wanted = encodingId ?? rid ?? undefined;
  if (wanted === undefined) return undefined;
  const isKnown =
    viewerSession.layers.length === 0 || viewerSession.layers.some((layer) => layer.rid === wanted);
  if (typeof wanted !== 'string' || !/^[\w-]{1,16}$/.test(wanted) || !isKnown)
    throw new PublicError(400, 'layer_unknown', 'There is no such layer: use one of the event `layers`.');
  return wanted;
}
