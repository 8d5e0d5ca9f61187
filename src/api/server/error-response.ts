import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { type ErrorCode, isDatabaseAway, PublicError } from '../../platform/index.js';
import { ErrorResponse, PATTERN_MESSAGES, ref } from '../contract.js';

/** `Retry-After` in s when the database does not answer. */
const RETRY_AFTER_S = 5;

type Answer = { status: number; code: ErrorCode; message: string; details?: unknown };

const NOT_FOUND: Answer = {
  status: 404,
  code: 'not_found',
  message: 'There is no such resource: check the URL.',
};

/** Client errors of fastify (fastify/lib/errors.js) with public codes and messages. */
const FASTIFY_ERRORS: Record<string, Answer> = {
  FST_ERR_CTP_INVALID_MEDIA_TYPE: {
    status: 415,
    code: 'unsupported_media_type',
    message: 'The body must be JSON, with Content-Type: application/json.',
  },
  FST_ERR_CTP_BODY_TOO_LARGE: { status: 413, code: 'body_too_large', message: 'The body is too large.' },
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: {
    status: 400,
    code: 'body_invalid',
    message: 'The body does not have the announced length.',
  },
  FST_ERR_CTP_INVALID_JSON_BODY: {
    status: 400,
    code: 'body_invalid',
    message: 'The body is not valid JSON.',
  },
  FST_ERR_MAX_PARAM_LENGTH: NOT_FOUND,
  FST_ERR_BAD_URL: { status: 400, code: 'bad_request', message: 'The URL is invalid.' },
};

/** Returns the public answer of an error; undefined when it is internal. */
function answerTo(error: FastifyError): Answer | undefined {
  if (error instanceof PublicError) {
    const { status, code, message, details } = error;
    return { status, code, message, ...(details === undefined ? {} : { details }) };
  }
  if (error.validation) return validationAnswer(error);
  const known = FASTIFY_ERRORS[error.code];
  if (known) return known;
  if (error instanceof SyntaxError && error.statusCode === 400)
    return { status: 400, code: 'body_invalid', message: 'The body is not valid JSON.' };
  if (isDatabaseAway(error))
    return {
      status: 503,
      code: 'temporarily_unavailable',
      message: 'The database cannot be reached: try again in a moment.',
    };
  const status = error.statusCode ?? 500;
  if (status >= 400 && status < 500) return { status, code: 'bad_request', message: error.message };
  return undefined;
}

function validationAnswer(error: FastifyError): Answer {
  const details = (error.validation ?? []).map(({ instancePath, keyword, params, message }) => {
    const missing = keyword === 'required' ? String(params.missingProperty) : undefined;
    const unknown = keyword === 'additionalProperties' ? String(params.additionalProperty) : undefined;
    const path = instancePath.slice(1).replaceAll('/', '.');
    const field = [path, missing ?? unknown].filter(Boolean).join('.');
    const pattern = keyword === 'pattern' ? PATTERN_MESSAGES[String(params.pattern)] : undefined;
    const wanted = missing
      ? 'is missing'
      : unknown
        ? 'is not a known property'
        : (pattern ?? message ?? 'is wrong');
    return { field, message: `${field || `the ${error.validationContext}`} ${wanted}` };
  });
  const message = `The request is not valid: ${details.map((detail) => detail.message).join('; ')}.`;
  return { status: 400, code: 'validation_failed', message, details };
}

/** Answers an error in the common shape; internal errors are logged and answered with 500. */
export function sendError(error: FastifyError, request: FastifyRequest, reply: FastifyReply): void {
  const answer = answerTo(error);
  if (!answer)
    request.log.error({ reqId: request.id, err: error, route: routeOf(request) }, 'a request failed');
  else if (answer.status >= 500 && !(error instanceof PublicError))
    request.log.warn(
      { reqId: request.id, err: error, route: routeOf(request) },
      'a request could not be served',
    );
  const { status, code, message, details } = answer ?? {
    status: 500,
    code: 'internal_error',
    message: 'Something went wrong on the server.',
    details: { requestId: request.id },
  };
  const retryAfter = retryAfterOf(answer);
  // RFC 9110 section 11.6.1: 401 requires WWW-Authenticate.
  if (status === 401 && !reply.hasHeader('www-authenticate'))
    reply.header('www-authenticate', 'Bearer realm="headend"');
  if (retryAfter !== undefined && !reply.hasHeader('retry-after')) reply.header('retry-after', retryAfter);
  reply
    .code(status)
    .type('application/json; charset=utf-8')
    .header('cache-control', 'no-store')
    .serializer((payload: unknown) => JSON.stringify(payload))
    .send({ error: { code, message, ...(details === undefined ? {} : { details }) } });
}

/** Returns `Retry-After` in s: `details.retryAfter` of the error, else a default for 503. */
function retryAfterOf(answer: Answer | undefined): number | undefined {
  if (answer?.status !== 429 && answer?.status !== 503) return undefined;
  const { retryAfter } = { retryAfter: undefined, ...(answer.details as object | undefined) };
  if (typeof retryAfter === 'number') return Math.ceil(retryAfter);
  return answer.status === 503 ? RETRY_AFTER_S : undefined;
}

/** Returns the route's pattern for logs, never the requested URL: URLs may contain pasted keys. */
export function routeOf(request: FastifyRequest): string {
  return `${request.method} ${request.routeOptions.url ?? '(unknown)'}`;
}

/**
 * Answers requests without a route: 405 with `Allow` when the path has other methods, else 404. Must be added before
 * the routes.
 */
export function answerUnknownRoutes(app: FastifyInstance): void {
  const routes: { pattern: RegExp; methods: string[] }[] = [];
  app.addHook('onRoute', ({ url, method }) => {
    if (url.includes('*')) return;
    const source = url.replace(/[.+?^${}()|[\]\\]/g, '\\$&').replace(/:[^/]+/g, '[^/]+');
    routes.push({ pattern: new RegExp(`^${source}$`), methods: [method].flat() });
  });
  app.setNotFoundHandler((request, reply) => {
    const path = request.url.replace(/\?.*$/, '');
    const allowed = new Set(
      routes.filter(({ pattern }) => pattern.test(path)).flatMap(({ methods }) => methods),
    );
    if (allowed.size === 0 || allowed.has(request.method))
      throw new PublicError(NOT_FOUND.status, NOT_FOUND.code, NOT_FOUND.message);
    reply.header('allow', [...allowed].sort().join(', '));
    throw new PublicError(
      405,
      'method_not_allowed',
      `This URL does not support ${request.method}: see the Allow header.`,
    );
  });
}

/** Error responses of a route's schema. */
export function errorSchemas(
  ...statuses: number[]
): Record<number, ReturnType<typeof ref<typeof ErrorResponse>>> {
  return Object.fromEntries(
    statuses.map((status) => [status, { ...ref(ErrorResponse), description: errorDescription(status) }]),
  );
}

/** Description of an error status in the OpenAPI document. */
export function errorDescription(status: number): string {
  return DESCRIPTIONS[status] ?? 'Error';
}

const DESCRIPTIONS: Record<number, string> = {
  400: 'The request is invalid (`validation_failed`, `body_invalid`, `bad_request`)',
  401: 'Sign-in required (`not_signed_in`), or the credentials are invalid',
  403: 'Not permitted (`not_allowed`), or the CSRF token is missing (`csrf_failed`)',
  404: 'Unknown, or hidden from the caller (`stream_not_found`, `not_found`)',
  406: 'No offered codec is supported',
  409: 'Not possible in the current state',
  410: 'Gone: it existed and has ended',
  412: 'If-Match does not match the current ETag',
  413: 'The body is too large (`body_too_large`)',
  415: 'The content type is not supported (`unsupported_media_type`)',
  416: 'The range is outside the file',
  422: 'Not supported (`ice_restart_unsupported`)',
  426: 'WebSocket upgrade required',
  428: 'If-Match is missing',
  429: 'Too many requests or failures: wait for Retry-After (`rate_limited`)',
  500: 'Internal error (`internal_error`)',
  503: 'Unavailable: try again after Retry-After (`temporarily_unavailable`, `not_ready`)',
  507: 'The disk of the server has no room (`storage_disk_low`)',
};
