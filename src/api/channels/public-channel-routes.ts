import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import type { FastifyPluginAsync } from 'fastify';
import { Type } from 'typebox';
import { type BoundedCalls, type Clock, PublicError } from '../../platform/index.js';
import { PublicChannelResponse, ref } from '../contract.js';
import { errorSchemas } from '../server/error-response.js';
import { PageCache } from '../server/page-cache.js';
import type { PublicChannels } from './public-channels.js';

export type PublicChannelRoutesOptions = {
  channels: Pick<PublicChannels, 'find'>;
  calls: BoundedCalls;
  clock: Clock;
};

const ChannelParams = Type.Object({ name: Type.String({ minLength: 1, maxLength: 100 }) });

/** Channels that everybody may see, below `/api/channels`. */
export const publicChannelRoutes: FastifyPluginAsync<PublicChannelRoutesOptions> = async (
  plain,
  { channels, calls, clock },
) => {
  const app = plain.withTypeProvider<TypeBoxTypeProvider>();
  const pages = new PageCache({ calls, clock });

  app.get(
    '/:name',
    {
      schema: {
        summary: 'Get the channel of an account that may broadcast',
        description: 'By the name of the account, compared without case.',
        tags: ['channels'],
        params: ChannelParams,
        response: { 200: ref(PublicChannelResponse), ...errorSchemas(400, 404, 500, 503) },
      },
    },
    async (request, reply) => {
      const { name } = request.params;
      return await pages.send(reply, name, async () => {
        const channel = await channels.find(name);
        if (!channel) throw new PublicError(404, 'channel_not_found', 'There is no channel of this name.');
        return { channel };
      });
    },
  );
};
