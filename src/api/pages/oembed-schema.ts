import { type Static, Type } from 'typebox';

export const OembedResponse = Type.Object(
  {
    version: Type.Literal('1.0'),
    type: Type.Literal('video'),
    provider_name: Type.String(),
    provider_url: Type.String({ format: 'uri' }),
    title: Type.String(),
    author_name: Type.Optional(Type.String()),
    author_url: Type.Optional(Type.String({ format: 'uri' })),
    width: Type.Integer(),
    height: Type.Integer(),
    html: Type.String({ description: 'Frame with the player' }),
    cache_age: Type.Integer({ description: 'Seconds' }),
  },
  { $id: 'OembedResponse', description: 'See https://oembed.com' },
);
export type OembedResponse = Static<typeof OembedResponse>;

export const OEMBED_SCHEMAS = [OembedResponse];
