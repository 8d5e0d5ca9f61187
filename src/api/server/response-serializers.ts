import { SerializerSelector } from '@fastify/fast-json-stringify-compiler';

type BuildSerializers = ReturnType<typeof SerializerSelector>;
type Serialize = ReturnType<ReturnType<BuildSerializers>>;

/** By the named schemas, then by the schema of an answer; both are written in code, so that there is an end to them. */
const compiled = new Map<string, Map<string, Serialize>>();

/**
 * How fastify makes the functions that write answers (its option `schemaController.compilersFactory.buildSerializer`),
 * but for what looks the same only once: each costs as much as checking every named schema, and nearly all routes share
 * the answers that are errors. A server that starts would do little else.
 */
export function responseSerializers(): BuildSerializers {
  const build = SerializerSelector();
  return (namedSchemas, options) => {
    const compile = build(namedSchemas, options);
    const names = JSON.stringify([namedSchemas, options]);
    const known = compiled.get(names) ?? new Map<string, Serialize>();
    compiled.set(names, known);
    return (route) => {
      const schema = JSON.stringify(route.schema);
      const serialize = known.get(schema) ?? compile(route);
      known.set(schema, serialize);
      return serialize;
    };
  };
}
