import type { preValidationAsyncHookHandler } from 'fastify';

/** Query strings hold text: where it is a number it becomes one, so that the schema can say what numbers are right. */
export const readNumbers: preValidationAsyncHookHandler = async (request) => {
  const query = request.query as Record<string, unknown>;
  for (const [name, value] of Object.entries(query))
    if (typeof value === 'string' && /^-?\d{1,15}$/.test(value)) query[name] = Number(value);
};
