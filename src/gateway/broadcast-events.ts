import { KeyedMutex, type Logger } from '../platform/index.js';
import type { Livestreams, StreamChange, StreamRegistry } from '../streams/index.js';
import { broadcastEvent, type Webhooks } from '../webhooks/index.js';

export type BroadcastEventModules = {
  streams: Pick<StreamRegistry, 'onChange'>;
  livestreams: Pick<Livestreams, 'find' | 'onUpdate'>;
  webhooks: Pick<Webhooks, 'emit'>;
  log: Logger;
};

/** Tells webhooks of broadcasts in order; of a private test only from the time at which its broadcast becomes public. */
export function announceBroadcasts({ streams, livestreams, webhooks, log }: BroadcastEventModules): void {
  /** Broadcasts in a private test, by stream; the value is the last change. */
  const tested = new Map<string, StreamChange>();
  const mutex = new KeyedMutex();

  const isTested = async (streamId: string): Promise<boolean> => {
    try {
      const livestream = await livestreams.find(streamId);
      return livestream !== undefined && livestream.visibilityAfterTest !== null;
    } catch (error) {
      log.warn({ err: error, streamId }, 'livestream could not be read: its broadcast is announced');
      return false;
    }
  };
  const announce = (change: StreamChange): void => {
    const event = broadcastEvent(change);
    if (event) webhooks.emit(...event);
  };

  streams.onChange((change) => {
    const { streamId, to } = change;
    void mutex.run(streamId, async () => {
      const isKnown = tested.has(streamId);
      // A broadcast is decided on when it becomes live: the events before and after depend on that.
      if (!isKnown && (to.name !== 'live' || !(await isTested(streamId)))) return announce(change);
      if (to.name === 'offline') tested.delete(streamId);
      else tested.set(streamId, change);
    });
  });
  livestreams.onUpdate((streamId, accessChanged) => {
    if (!accessChanged || !tested.has(streamId)) return;
    void mutex.run(streamId, async () => {
      const change = tested.get(streamId);
      if (!change || (await isTested(streamId))) return;
      tested.delete(streamId);
      if (change.to.name === 'live') announce({ ...change, wasLive: false });
    });
  });
}
