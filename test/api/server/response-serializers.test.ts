import { fastify } from 'fastify';
import t from 'tap';
import { responseSerializers } from '../../../src/api/server/response-serializers.js';

const named = (properties: object) => ({ Thing: { $id: 'Thing', type: 'object', properties } });
const route = (schema: object, url = '/') => ({ method: 'GET', url, httpStatus: '200', schema });
const REFERENCE = { $ref: 'Thing#' };

t.test('what looks the same is made once, for all routes and servers', async (t) => {
  const schemas = named({ a: { type: 'string' } });
  const compile = responseSerializers()(schemas, {});
  const serialize = compile(route(REFERENCE));
  t.equal(compile(route({ ...REFERENCE }, '/other')), serialize);
  t.equal(responseSerializers()(structuredClone(schemas), {})(route(REFERENCE)), serialize);
  t.not(compile(route({ type: 'array', items: REFERENCE })), serialize);
  t.equal(serialize({ a: 'x', secret: 'y' }), '{"a":"x"}', 'what the schema does not name is left out');
});

t.test('a name that means something else is something else', async (t) => {
  for (const property of ['a', 'b']) {
    const compile = responseSerializers()(named({ [property]: { type: 'string' } }), {});
    t.equal(compile(route(REFERENCE))({ a: '1', b: '2' }), `{"${property}":"${property === 'a' ? 1 : 2}"}`);
  }
});

t.test('a server does not start, and says why, when an answer points nowhere', async (t) => {
  const app = fastify({ schemaController: { compilersFactory: { buildSerializer: responseSerializers() } } });
  t.teardown(() => app.close());
  app.get('/', { schema: { response: { 200: { $ref: 'Nobody#' } } } }, async () => ({}));
  await t.rejects(async () => await app.ready(), /Nobody/);
});
