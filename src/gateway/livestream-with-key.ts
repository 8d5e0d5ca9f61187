import { hashStreamKey, mintStreamKey } from '../accounts/index.js';
import type { StreamConfig } from '../socket-signalling/index.js';
import type { Livestreams } from '../streams/index.js';

/** Returns the function that creates a livestream with its first stream key, for the TypeScript API. */
export function createWithKey(livestreams: Pick<Livestreams, 'create'>) {
  return async (
    userId: string,
    { title, description = '', recordingEnabled = false }: StreamConfig,
  ): Promise<{ streamId: string; streamKey: string }> => {
    const streamKey = mintStreamKey();
    const livestream = { userId, title, description, recordingEnabled };
    const { id } = await livestreams.create({ ...livestream, streamKeyHash: hashStreamKey(streamKey) });
    return { streamId: id, streamKey };
  };
}
