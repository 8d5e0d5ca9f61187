import { errorDescription } from './error-response.js';

/** The used part of OpenAPI's path items. */
export type Operation = Record<string, unknown>;
export type Paths = Record<string, Record<string, Operation>>;

export const tags = ['media'];
export const uuid = { type: 'string', format: 'uuid' };
export const text = { type: 'string' };

export function inPath(name: string, schema: object = text): object {
  return { name, in: 'path', required: true, schema };
}

/** Error responses, described as for other routes. */
export function errors(...statuses: number[]): Record<string, object> {
  const schema = { $ref: '#/components/schemas/ErrorResponse' };
  return Object.fromEntries(
    statuses.map((status) => [
      String(status),
      { description: errorDescription(status), content: { 'application/json': { schema } } },
    ]),
  );
}

/** Response with a playlist. */
export const playlist = {
  200: {
    description: 'Playlist (RFC 8216bis)',
    content: { 'application/vnd.apple.mpegurl': { schema: text } },
  },
};
