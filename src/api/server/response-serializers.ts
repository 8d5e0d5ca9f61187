import { SerializerSelector } from '@fastify/fast-json-stringify-compiler';

type BuildSerializers = ReturnType<typeof SerializerSelector>;
type Serialize = ReturnType<ReturnType<BuildSerializers>>;

/** By the named schemas, then by the response schema. Both come from code, so the cache is bounded. */
const compiled = new Map<string, Map<string, Serialize>>();

/**
 * Creates response serializers for fastify (`schemaController.compilersFactory.buildSerializer`) and shares equal
 * ones, as nearly all routes have the same error responses. One is compiled with its first response: each costs as much as checking
 * all named schemas, and all of them would hold the event loop for a second at the start.
 */
export function responseSerializers(): BuildSerializers {
  const build = SerializerSelector();
  return (namedSchemas, options) => {
    const compile = build(namedSchemas, options);
    const names = JSON.stringify([namedSchemas, options]);
    const known = compiled.get(names) ?? new Map<string, Serialize>();
    compiled.set(names, known);
    requireNames(names, namedSchemas);
    return (route) => {
      const schema = JSON.stringify(route.schema);
      requireNames(schema, namedSchemas);
      const serialize = known.get(schema) ?? compiledWhenUsed(() => compile(route));
      known.set(schema, serialize);
      return serialize;
    };
  };
}

/** @throws Error when a schema, as JSON, refers to a name that is unknown: at the start, not with the first response */
function requireNames(schema: string, namedSchemas: unknown): void {
  for (const [, name = ''] of schema.matchAll(/"\$ref":"([^"#]+)/g))
    if (!Object.hasOwn(Object(namedSchemas), name))
      throw new Error(`a response refers to an unknown schema: ${name}`);
}

function compiledWhenUsed(compile: () => Serialize): Serialize {
  let serialize: Serialize | undefined;
  return (data) => {
    serialize ??= compile();
    return serialize(data);
  };
}
