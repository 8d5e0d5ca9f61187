import t from 'tap';
import { API_ROUTES, type ErrorCode } from '../../../src/api/contract.js';
import { ERROR_CODES } from '../../../src/platform/index.js';
import { openLivestreamApi } from '../../support/fixtures/livestream-api-fixture.js';
import type { OpenApi } from '../../support/fixtures/openapi.js';

/** Routes that the livestream fixture does not serve; `auth-routes.test.ts` serves them. */
const ELSEWHERE = /\/api\/auth\/|\/chat\/|\/(join|leave)$/;

t.test('the routes that the pages call have the schemas of the OpenAPI document', async (t) => {
  const { app } = await openLivestreamApi(t);
  const document = (await app.inject('/openapi.json')).json<OpenApi>();
  let compared = 0;
  for (const [route, { response }] of Object.entries(API_ROUTES)) {
    if (ELSEWHERE.test(route)) continue;
    const [method = '', path = ''] = route.split(' ');
    const operation = document.paths[path.replace(/:(\w+)/g, '{$1}')]?.[method.toLowerCase()];
    const schema = operation?.responses['200']?.content?.['application/json']?.schema;
    t.same(schema, { $ref: `#/components/schemas/${(response as { $id?: string }).$id}` }, route);
    compared += 1;
  }
  t.ok(compared > 0, `${compared} routes compared`);
});

t.test('the error codes are sorted, unique and in snake case', async (t) => {
  t.same([...ERROR_CODES], [...new Set(ERROR_CODES)].toSorted());
  t.ok(ERROR_CODES.every((code: ErrorCode) => /^[a-z][a-z0-9_]*$/.test(code)));
});
