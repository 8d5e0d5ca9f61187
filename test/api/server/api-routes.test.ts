import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import t, { type Test } from 'tap';
import type { TSchema } from 'typebox';
import { API_ROUTES, type ErrorCode } from '../../../src/api/contract.js';
import { ERROR_CODES, projectRoot } from '../../../src/platform/index.js';
import type { OpenApi } from '../../support/fixtures/openapi.js';
import { startGatewayProcess } from '../../support/gateway/gateway-process.js';

const ROUTES: [string, { body?: TSchema; response: TSchema }][] = Object.entries(API_ROUTES);

/** Reads the OpenAPI document of a gateway. */
async function openDocument(t: Test): Promise<OpenApi> {
  const { http } = await startGatewayProcess(t);
  return (await (await fetch(`${http}/openapi.json`)).json()) as OpenApi;
}

function referenceTo(schema: TSchema): object {
  const { $id } = schema as { $id?: string };
  return { $ref: `#/components/schemas/${$id}` };
}

/** Lists the schemas of a body; a body that may be absent is described as one schema, or an empty object, or null. */
function acceptedSchemas(schema: { anyOf?: { type?: string }[] } | undefined): object[] {
  if (!schema) return [];
  return schema.anyOf ? schema.anyOf.filter(({ type }) => type === undefined) : [schema];
}

t.test('every route that the pages call is in the OpenAPI document with the same schemas', async (t) => {
  const document = await openDocument(t);
  for (const [route, { body, response }] of ROUTES) {
    const [method = '', pattern = ''] = route.split(' ');
    const operation = document.paths[pattern.replace(/:(\w+)/g, '{$1}')]?.[method.toLowerCase()];
    if (!operation) {
      t.fail(`${route} is not in the document`);
      continue;
    }
    const answers = Object.entries(operation.responses).filter(([status]) => status.startsWith('2'));
    t.same(
      answers.map(([, { content }]) => content?.['application/json']?.schema),
      [referenceTo(response)],
      `${route}: response`,
    );
    const accepted = acceptedSchemas(operation.requestBody?.content['application/json']?.schema);
    t.same(accepted, body ? [referenceTo(body)] : [], `${route}: body`);
  }
});

t.test(
  'the pages name an API path only as a route of the typed client, and use every such route',
  async (t) => {
    const folder = path.join(projectRoot(), 'src/web');
    const used = new Set<string>();
    for (const file of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
      if (!/\.tsx?$/.test(file)) continue;
      const text = readFileSync(path.join(folder, file), 'utf8');
      for (const [, literal = ''] of text.matchAll(/['"`]([^'"`\n]*\/api\/[^'"`\n]*)['"`]/g)) {
        if (/^\.{1,2}\//.test(literal)) continue; // an import
        t.ok(Object.hasOwn(API_ROUTES, literal), `${file}: ${literal}`);
        used.add(literal);
      }
    }
    t.same([...used].sort(), ROUTES.map(([route]) => route).sort());
  },
);

t.test('the error codes are sorted, unique and in snake case', async (t) => {
  t.same([...ERROR_CODES], [...new Set(ERROR_CODES)].toSorted());
  t.ok(ERROR_CODES.every((code: ErrorCode) => /^[a-z][a-z0-9_]*$/.test(code)));
});
