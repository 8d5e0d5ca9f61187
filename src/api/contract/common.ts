import { type Static, type TSchema, Type } from 'typebox';

/** Text of one line without control characters, with something to see in it. */
export const ONE_LINE = '^\\P{Cc}*[^\\s\\p{C}]\\P{Cc}*$';
/** Text of any number of lines; PostgreSQL stores no U+0000. */
export const MANY_LINES = '^[\\P{Cc}\\n\\r\\t]*$';

export const Id = Type.String({ format: 'uuid', description: 'UUID, version 7' });
export const Time = Type.String({ format: 'date-time' });

export function nullable<T extends TSchema>(schema: T) {
  return Type.Union([schema, Type.Null()]);
}

/** Points to a schema with a name of its own, which the server knows by `NAMED_SCHEMAS`. */
export function ref<T extends TSchema & { $id?: string }>(schema: T) {
  return Type.Unsafe<Static<T>>({ $ref: `${schema.$id}#` });
}

export const ErrorResponse = Type.Object(
  {
    error: Type.Object({
      code: Type.String({ description: 'Stable, for programs' }),
      message: Type.String({ description: 'A sentence for people' }),
      details: Type.Optional(Type.Unknown()),
    }),
  },
  { $id: 'ErrorResponse' },
);
export type ErrorResponse = Static<typeof ErrorResponse>;
