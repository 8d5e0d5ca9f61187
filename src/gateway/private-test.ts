import type { Packager } from '../packager/index.js';
import type { Livestreams, StreamRegistry } from '../streams/index.js';
import type { ThumbnailCaptures } from '../thumbnails/index.js';

export type PrivateTestModules = {
  livestreams: Pick<Livestreams, 'onTestEnding'>;
  streams: Pick<StreamRegistry, 'testEnding'>;
  packager: Pick<Packager, 'testEnding'>;
  captures: Pick<ThumbnailCaptures, 'testEnding'>;
};

/** Keeps what was broadcast in a private test from viewers, who are admitted when it has ended. */
export function keepTestsPrivate({ livestreams, streams, packager, captures }: PrivateTestModules): void {
  livestreams.onTestEnding((streamId) => {
    for (const each of [packager, streams, captures]) each.testEnding(streamId);
  });
}
