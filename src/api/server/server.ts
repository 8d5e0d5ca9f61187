import { randomBytes } from 'node:crypto';
import type { Server } from 'node:http';
import helmet from '@fastify/helmet';
import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import fastify, {
  type FastifyBaseLogger,
  type FastifyError,
  type FastifyHttpOptions,
  type FastifyInstance,
  LogController,
} from 'fastify';
import {
  answerMalformedRequest,
  type Clock,
  type Logger,
  proxyTrust,
  type TrustedProxies,
} from '../../platform/index.js';
import { NAMED_SCHEMAS } from '../contract.js';
import { limitConnections, type TakeConnection } from './connection-limit.js';
import { answerUnknownRoutes, routeOf, sendError } from './error-response.js';
import { SECURITY_SCHEMES } from './guards.js';
import { mediaPaths } from './media-paths.js';
import { responseSerializers } from './response-serializers.js';

export type ServerLimits = {
  connections: number;
  /** Per IPv4 address or IPv6 /64 network; trusted proxies are exempt. */
  connectionsPerAddress: number;
  /** Timeout for the request line and headers. */
  headersTimeoutMs: number;
  /** Timeout for the whole request; responses are not limited. */
  requestTimeoutMs: number;
  /**
   * Timeout for a connection without traffic in either direction, such as a client that does not read its response.
   */
  silenceTimeoutMs: number;
  /** Interval at which these timeouts are checked. */
  timeoutCheckMs: number;
  /** Grace period on close for requests in progress. */
  closeWithinMs: number;
};

/** Timeouts of connections, ms. */
export const CONNECTION_TIMEOUTS = {
  headersTimeoutMs: 10_000,
  requestTimeoutMs: 30_000,
  silenceTimeoutMs: 120_000,
  /** Longer than nginx's upstream keep-alive (60 s), so that nginx never sends on a connection that is being closed. */
  keepAliveTimeoutMs: 72_000,
  timeoutCheckMs: 2_000,
  closeWithinMs: 3_000,
};
const DEFAULT_LIMITS: ServerLimits = {
  connections: 20_000,
  connectionsPerAddress: 8_000,
  ...CONNECTION_TIMEOUTS,
};
/** The largest request is a description of 5,000 characters, each possibly escaped. */
const MAXIMUM_BODY_BYTES = 128 * 1024;
/** Media responses are sent without headers that only documents need: they are requested many times a second. */
const MEDIA_PREFIX = /^\/((hls|recordings)\/|videos\/[^/]+\/)/;

export type ServerOptions = {
  log: Logger;
  clock: Clock;
  /** Proxies whose X-Forwarded-For, -Proto and -Host are trusted. */
  trustProxy: TrustedProxies;
  /** Release in the OpenAPI document. */
  version: string;
  /** Prefix of all public paths; empty by default. */
  basePath?: string;
  limits?: Partial<ServerLimits>;
  /** May take connections over, before anything is read from them. */
  takeConnection?: TakeConnection;
};

/**
 * Creates the HTTP server without routes: limits, timeouts, common errors, security headers, and the OpenAPI document
 * of later routes at `/openapi.json` and `/docs`. Does not listen yet.
 */
export function createServer(options: ServerOptions): FastifyInstance {
  const { clock } = options;
  const limits = { ...DEFAULT_LIMITS, ...options.limits };
  // fastify's own log entries contain neither URL nor headers.
  const log: FastifyBaseLogger = options.log.child(
    {},
    { serializers: { req: routeOf, res: () => undefined } },
  );
  const start = randomBytes(4).toString('hex');
  let count = 0;
  const isTrusted = proxyTrust(options.trustProxy);
  const settings: FastifyHttpOptions<Server, FastifyBaseLogger> = {
    loggerInstance: log,
    logController: new LogController({ disableRequestLogging: true }),
    // A logger per request costs 4 % of serving media: the few lines of a request carry its id themselves.
    childLoggerFactory: (logger) => logger,
    trustProxy: options.trustProxy === false ? false : isTrusted,
    bodyLimit: MAXIMUM_BODY_BYTES,
    keepAliveTimeout: CONNECTION_TIMEOUTS.keepAliveTimeoutMs,
    connectionTimeout: limits.silenceTimeoutMs,
    requestTimeout: limits.requestTimeoutMs,
    forceCloseConnections: 'idle',
    return503OnClosing: true,
    requestIdHeader: false,
    genReqId: () => `${start}-${(count++).toString(36)}`,
    routerOptions: { maxParamLength: 200 },
    ajv: { customOptions: { coerceTypes: false, removeAdditional: false, useDefaults: true } },
    schemaController: { compilersFactory: { buildSerializer: responseSerializers() } },
    frameworkErrors: (error, request, reply) => sendError(error as FastifyError, request, reply),
    clientErrorHandler: (error, socket) => answerMalformedRequest(error, socket),
    http: { connectionsCheckingInterval: limits.timeoutCheckMs },
  };
  const app = fastify(settings);
  app.server.headersTimeout = limits.headersTimeoutMs;
  app.server.maxConnections = limits.connections;
  limitConnections(app.server, {
    perAddress: limits.connectionsPerAddress,
    isProxy: (address) => isTrusted(address, 0),
    clock,
    log: options.log,
    ...(options.takeConnection ? { takeConnection: options.takeConnection } : {}),
  });

  app.removeContentTypeParser('text/plain');
  const parseJson = app.getDefaultJsonParser('error', 'error');
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (request, body, done) => {
    // Many clients send the JSON content type with an empty body.
    if (body === '') done(null, undefined);
    else void parseJson(request, body as string, done);
  });

  app.setErrorHandler(sendError);
  answerUnknownRoutes(app);
  for (const schema of NAMED_SCHEMAS) app.addSchema(schema);

  app.register(helmet, {
    global: false,
    contentSecurityPolicy: {
      useDefaults: false,
      directives: { 'default-src': ["'none'"], 'frame-ancestors': ["'none'"] },
    },
    crossOriginResourcePolicy: { policy: 'cross-origin' },
    xFrameOptions: { action: 'deny' },
    // Browsers ignore these on plain HTTP and log a warning.
    crossOriginOpenerPolicy: false,
    originAgentCluster: false,
    hsts: false, // decided by the proxy that terminates TLS
  });
  app.addHook('onRequest', async (request, reply) => {
    if (MEDIA_PREFIX.test(request.url)) return;
    reply.header('x-request-id', request.id);
    await reply.helmet();
  });
  // Without a promise, as it runs for every part of every viewer.
  app.addHook('onResponse', (request, reply, done) => {
    done();
    if (!options.log.isLevelEnabled('debug')) return;
    const ms = Math.round(reply.elapsedTime);
    request.log.debug(
      { reqId: request.id, route: routeOf(request), status: reply.statusCode, ms },
      'answered',
    );
  });
  app.addHook('preClose', async () => {
    const cancel = clock.after(limits.closeWithinMs, () => app.server.closeAllConnections());
    app.server.once('close', cancel);
  });
  describe(app, options);
  return app;
}

const DOCS = '/docs';
/** Content Security Policy of `/docs`, whose interface sets inline styles. */
const DOCS_SECURITY_POLICY = [
  "default-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "object-src 'none'",
  "base-uri 'none'",
  "form-action 'self'",
  "frame-ancestors 'self'",
].join('; ');

function describe(app: FastifyInstance, { version, basePath = '' }: ServerOptions): void {
  app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Headend',
        description: DESCRIPTION,
        version,
        license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
      },
      servers: [{ url: basePath === '' ? '/' : basePath }],
      tags: [
        { name: 'livestreams', description: 'Livestreams: create, list, edit, end' },
        { name: 'stream keys', description: 'Stream keys, with which encoders publish' },
        {
          name: 'channels',
          description: 'Channel keys, which publish to the current or a new livestream of a user',
        },
        { name: 'clips', description: 'Clips of broadcasts and recordings: make, list, change, delete' },
        { name: 'recordings', description: 'Recordings of broadcasts: start, stop, list, delete' },
        { name: 'videos', description: 'Uploaded videos: upload, transcoding, list, delete' },
        { name: 'restreams', description: 'Targets on other platforms to which broadcasts are sent on' },
        { name: 'viewers', description: 'Joining, leaving and counting of viewers' },
        { name: 'chat', description: 'Chat messages, moderation and polls' },
        { name: 'media', description: 'Ingest and delivery of media, and the socket' },
        { name: 'accounts', description: 'Accounts, sign-in, sessions and access tokens' },
        { name: 'follows', description: 'Follows between users' },
        { name: 'administration', description: 'For administrators and the operator' },
        { name: 'webhooks', description: 'Signed messages to other servers' },
        { name: 'health', description: 'Liveness and readiness checks' },
      ],
      components: {
        securitySchemes: {
          ...SECURITY_SCHEMES,
          streamKey: { type: 'http', scheme: 'bearer', description: 'Stream key' },
        },
      },
      paths: mediaPaths(),
    },
    stripBasePath: false,
    refResolver: { buildLocalReference: (json) => String(json.$id) },
  });
  app.register(swaggerUi, {
    routePrefix: DOCS,
    indexPrefix: basePath,
    staticCSP: DOCS_SECURITY_POLICY,
    uiConfig: { deepLinking: true, docExpansion: 'list', tryItOutEnabled: false },
    theme: { title: 'Headend API' },
  });
  app.register(async (scope) => {
    scope.get('/openapi.json', { schema: { hide: true } }, async () => app.swagger());
  });
}

const DESCRIPTION = `A self-hosted live-streaming gateway.

Every error has the form \`{error: {code, message, details?}}\`: the code is stable and for programs, the message for people.
Times are ISO 8601, ids are UUIDs. Programs and pages of other origins send a token (\`Authorization: Bearer\`). Pages of
this server send a session cookie, and with it a CSRF token for changes.`;
