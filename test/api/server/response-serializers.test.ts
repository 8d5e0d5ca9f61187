import { fastify } from 'fastify';
import t from 'tap';
import { responseSerializers } from '../../../src/api/server/response-serializers.js';

const named = (properties: object) => ({ Thing: { $id: 'Thing', type: 'object', properties } });
const route = (schema: object, url = '/') => ({ method: 'GET', url, httpStatus: '200', schema });
const REFERENCE = { $ref: 'Thing#' };

t.test('equal schemas share one serializer, for all routes and servers', async (t) => {
  const schemas = named({ a: { type: 'string' } });
  const compile = responseSerializers()(schemas, {});
  const serialize = compile(route(REFERENCE));
  t.equal(compile(route({ ...REFERENCE }, '/other')), serialize);
  t.equal(responseSerializers()(structuredClone(schemas), {})(route(REFERENCE)), serialize);
  t.not(compile(route({ type: 'array', items: REFERENCE })), serialize);
  t.equal(serialize({ a: 'x', secret: 'y' }), '{"a":"x"}', 'properties outside of the schema are left out');
});

t.test('schemas with equal names and different properties have different serializers', async (t) => {
  for (const property of ['a', 'b']) {
    const compile = responseSerializers()(named({ [property]: { type: 'string' } }), {});
    t.equal(compile(route(REFERENCE))({ a: '1', b: '2' }), `{"${property}":"${property === 'a' ? 1 : 2}"}`);
  }
});

t.test('a dangling reference in a response fails the start with its name', async (t) => {
  const app = fastify({ schemaController: { compilersFactory: { buildSerializer: responseSerializers() } } });
  t.teardown(() => app.close());
  app.get('/', { schema: { response: { 200: { $ref: 'Nobody#' } } } }, async () => ({}));
  await t.rejects(async () => await app.ready(), /Nobody/);
});
