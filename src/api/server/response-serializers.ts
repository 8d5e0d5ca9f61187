import { SerializerSelector } from '@fastify/fast-json-stringify-compiler';

type BuildSerializers = ReturnType<typeof SerializerSelector>;
type Serialize = ReturnType<ReturnType<BuildSerializers>>;

/** By the named schemas, then by the response schema. Both come from code, so the cache is bounded. */
const compiled = new Map<string, Map<string, Serialize>>();

/**
 * Creates response serializers for fastify (`schemaController.compilersFactory.buildSerializer`) and shares equal
 * ones. Compiling one costs as much as checking all named schemas, and nearly all routes have the same error
 * responses, so a start would take far longer.
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
