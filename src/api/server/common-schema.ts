import { type Static, type TSchema, Type } from 'typebox';
import type { ErrorCode } from '../../platform/index.js';

export type { ErrorCode } from '../../platform/index.js';

/** One line without control characters and with a visible character. JSON of PostgreSQL takes no halves of characters (`Cs`). */
export const ONE_LINE = '^[^\\p{Cc}\\p{Cs}]*[^\\s\\p{C}][^\\p{Cc}\\p{Cs}]*$';
/** Lines of text; PostgreSQL stores no U+0000. */
export const MANY_LINES = '^(?:[^\\p{Cc}\\p{Cs}]|[\\n\\r\\t])*$';

/** HTTP or HTTPS URL. */
export const WEB_ADDRESS = '^https?://[^\\s\\p{Cc}]+$';

/** Error messages of these patterns. */
export const PATTERN_MESSAGES: Record<string, string> = {
  [ONE_LINE]: 'must hold visible text and no control characters',
  [MANY_LINES]: 'must hold no control characters but line ends and tabs',
  [WEB_ADDRESS]: 'must be an address that begins with http:// or https://',
};

export const Id = Type.String({ format: 'uuid', description: 'UUID, version 7' });
export const Time = Type.String({ format: 'date-time' });

/** Id of a user who owns a livestream or is invited. */
export const UserId = Type.String({
  minLength: 1,
  maxLength: 200,
  pattern: ONE_LINE,
  description: 'Account id, or user id of the host platform',
});

/** Maximum `offset`: rows that PostgreSQL skips for one page. */
export const OFFSET_MAXIMUM = 10_000;

export const PageQuery = Type.Object(
  {
    limit: Type.Integer({ minimum: 1, maximum: 100, default: 50 }),
    offset: Type.Integer({ minimum: 0, maximum: OFFSET_MAXIMUM, default: 0 }),
  },
  { additionalProperties: false },
);

/** Query of lists that can exceed the maximum `offset`. */
export const CursorPageQuery = Type.Object(
  {
    ...PageQuery.properties,
    before: Type.Optional(
      Type.String({
        format: 'uuid',
        description: 'Returns entries older than this id: the last one of the previous page',
      }),
    ),
  },
  { additionalProperties: false },
);

export const StreamParams = Type.Object({ streamId: Id });

/** Response without data. */
export const SuccessResponse = Type.Object({ success: Type.Literal(true) }, { $id: 'SuccessResponse' });
export type SuccessResponse = Static<typeof SuccessResponse>;

export function nullable<T extends TSchema>(schema: T) {
  return Type.Union([schema, Type.Null()]);
}

/** References a schema by its `$id`, which the server knows from `NAMED_SCHEMAS`. */
export function ref<T extends TSchema & { $id?: string }>(schema: T) {
  return Type.Unsafe<Static<T>>({ $ref: `${schema.$id}#` });
}

export const ErrorResponse = Type.Object(
  {
    error: Type.Object({
      code: Type.Unsafe<ErrorCode>(Type.String({ description: 'Stable code, for programs' })),
      message: Type.String({ description: 'Message for people' }),
      details: Type.Optional(Type.Unknown()),
    }),
  },
  { $id: 'ErrorResponse' },
);
export type ErrorResponse = Static<typeof ErrorResponse>;
