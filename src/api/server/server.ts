import { randomBytes } from 'node:crypto';
import type { Server } from 'node:http';
import type { Socket } from 'node:net';
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
import { type Clock, type Logger, proxyTrust, type TrustedProxies } from '../../platform/index.js';
import { NAMED_SCHEMAS } from '../contract.js';
import { limitConnections } from './connection-limit.js';
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

const DEFAULT_LIMITS: ServerLimits = {
  connections: 20_000,
  connectionsPerAddress: 8_000,
  headersTimeoutMs: 10_000,
  requestTimeoutMs: 30_000,
  silenceTimeoutMs: 120_000,
  timeoutCheckMs: 2_000,
  closeWithinMs: 3_000,
};
/** The largest request is a description of 5,000 characters, each possibly escaped. */
const MAXIMUM_BODY_BYTES = 128 * 1024;
/** Longer than nginx's upstream keep-alive (60 s), so that nginx never sends on a connection that is being closed. */
const KEEP_ALIVE_TIMEOUT_MS = 72_000;
/** Media responses are sent without headers that only documents need: they are requested many times a second. */
const MEDIA_PREFIX = '/hls/';

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
    keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
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
    clientErrorHandler: (error, socket) => answerMalformedRequest(error, socket as Socket),
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
    // Browsers ignore these on plain HTTP and log a warning.
    crossOriginOpenerPolicy: false,
    originAgentCluster: false,
    hsts: false, // decided by the proxy that terminates TLS
  });
  app.addHook('onRequest', async (request, reply) => {
    if (request.url.startsWith(MEDIA_PREFIX)) return;
    reply.header('x-request-id', request.id);
    await reply.helmet();
  });
  app.addHook('onResponse', async (request, reply) => {
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

/** Answers requests that Node could not parse as HTTP (RFC 9110 section 15). */
function answerMalformedRequest(error: Error & { code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const [status, code, message] =
    error.code === 'HPE_HEADER_OVERFLOW'
      ? ['431 Request Header Fields Too Large', 'headers_too_large', 'The headers are too large.']
      : error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
        ? ['408 Request Timeout', 'request_timeout', 'The request took too long to arrive.']
        : ['400 Bad Request', 'bad_request', 'The request is not valid HTTP.'];
  const body = JSON.stringify({ error: { code, message } });
  socket.end(
    `HTTP/1.1 ${status}\r\nContent-Type: application/json; charset=utf-8\r\nContent-Length: ${Buffer.byteLength(body)}\r\n` +
      `Cache-Control: no-store\r\nConnection: close\r\n\r\n${body}`,
    () => socket.destroy(),
  );
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
