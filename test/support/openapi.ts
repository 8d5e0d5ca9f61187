import type { FastifyInstance } from 'fastify';
import type { Test } from 'tap';
import Schema from 'typebox/schema';

type Media = { schema?: object; examples?: Record<string, { value: unknown }>; example?: unknown };
type Answer = { description?: string; content?: Record<string, Media> };
type Operation = {
  summary?: string;
  tags?: string[];
  security?: Record<string, string[]>[];
  parameters?: { name: string; in: string }[];
  requestBody?: { content: Record<string, Media> };
  responses: Record<string, Answer>;
};

export type OpenApi = {
  openapi: string;
  tags: { name: string }[];
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, object>; securitySchemes: Record<string, object> };
};

/** A route as fastify registered it, in the notation of the document. */
export type RegisteredRoute = { path: string; method: string; hidden: boolean };

/** Collects what is registered from now on. */
export function collectRoutes(app: FastifyInstance): RegisteredRoute[] {
  const routes: RegisteredRoute[] = [];
  app.addHook('onRoute', ({ url, method, schema }) => {
    const path = url.replace(/:(\w+)/g, '{$1}');
    for (const each of [method].flat())
      if (each !== 'HEAD' && each !== 'OPTIONS')
        routes.push({ path, method: each.toLowerCase(), hidden: schema?.hide === true });
  });
  return routes;
}

/** What is wrong with a value by a schema of the document; nothing when it fits. */
export function problemsOf(document: OpenApi, schema: object, value: unknown): string[] {
  const compiled = Schema.Compile({ ...schema, components: document.components } as never);
  if (compiled.Check(value)) return [];
  const [, errors] = compiled.Errors(value);
  return errors.map(({ instancePath, message }) => `${instancePath} ${message}`);
}

/** The schema of an answer. @throws when the document does not know it. */
export function answerSchema(document: OpenApi, path: string, method: string, status: number): object {
  const answer = document.paths[path]?.[method]?.responses[status];
  const schema = answer?.content?.['application/json']?.schema;
  if (!schema) throw new Error(`${method} ${path} ${status} is not described`);
  return schema;
}

/** The document is whole: every route, its errors, its security; and nothing in it points nowhere. */
export function checkDocument(t: Test, document: OpenApi, routes: RegisteredRoute[]): void {
  t.equal(document.openapi, '3.1.0');
  for (const { path, method, hidden } of routes)
    if (!hidden) t.ok(document.paths[path]?.[method], `${method} ${path} is described`);
  const tags = new Set(document.tags.map(({ name }) => name));
  for (const [path, operations] of Object.entries(document.paths))
    for (const [method, operation] of Object.entries(operations)) {
      const name = `${method} ${path}`;
      t.ok(operation.summary, `${name} has a summary`);
      t.ok(operation.tags?.length && operation.tags.every((tag) => tags.has(tag)), `${name} has known tags`);
      const statuses = Object.keys(operation.responses);
      t.ok(
        statuses.some((status) => /^[1-3]/.test(status)),
        `${name} can succeed`,
      );
      t.ok(statuses.some((status) => /^[45]/.test(status)) || path === '/healthz', `${name} can fail`);
      for (const [status, { description, content }] of Object.entries(operation.responses)) {
        t.ok(description && description !== 'Error', `${name} ${status} is described`);
        if (/^[45]/.test(status))
          t.same(
            content?.['application/json']?.schema,
            { $ref: '#/components/schemas/ErrorResponse' },
            `${name} ${status}`,
          );
      }
      const declared = (operation.parameters ?? []).filter((parameter) => parameter.in === 'path');
      const wanted = [...path.matchAll(/\{(\w+)\}/g)].map(([, parameter]) => parameter);
      t.same(declared.map((parameter) => parameter.name).sort(), wanted.sort(), `${name} has its parameters`);
      for (const requirement of operation.security ?? [])
        for (const scheme of Object.keys(requirement))
          t.ok(document.components.securitySchemes[scheme], `${name}: ${scheme} is defined`);
    }
  for (const [, kind, name] of JSON.stringify(document).matchAll(/"#\/components\/(\w+)\/([^"]+)"/g))
    t.ok(
      (document.components as Record<string, Record<string, object>>)[kind!]?.[name!],
      `${kind}/${name} is defined`,
    );
  for (const [name, schema] of Object.entries(document.components.schemas))
    for (const example of (schema as { examples?: unknown[] }).examples ?? [])
      t.same(problemsOf(document, schema, example), [], `an example of ${name}`);
}
