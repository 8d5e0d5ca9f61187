import { Readable } from 'node:stream';
import type { HlsRendition } from '../../packager/index.js';

export type OpenSegmentOptions = {
  /** Called before each part: the permission may have ended meanwhile. */
  mayContinue(): boolean;
  /** Called when a wait for the next part begins. @returns a function to be called when it has ended */
  recordWait(): () => void;
};

/**
 * Streams a segment that is being written, for DASH players with low latency: each part as soon as it is published. The
 * stream is destroyed with an error if the segment stays incomplete, so that the end of the answer tells it.
 */
export function openSegment(rendition: HlsRendition, msn: number, options: OpenSegmentOptions): Readable {
  const closing = new AbortController();
  const parts = partsOf(rendition, msn, options, closing.signal);
  return new Readable({
    highWaterMark: 1,
    read() {
      parts.next().then(
        ({ done, value }) => this.push(done ? null : value),
        (error: Error) => this.destroy(error),
      );
    },
    destroy(error, callback) {
      closing.abort();
      callback(error);
    },
  });
}

async function* partsOf(
  rendition: HlsRendition,
  msn: number,
  { mayContinue, recordWait }: OpenSegmentOptions,
  signal: AbortSignal,
): AsyncGenerator<Buffer, void, void> {
  for (let index = 0; ; ) {
    if (!mayContinue()) throw new Error('the permission has ended');
    const answer = rendition.part(msn, index);
    if (Buffer.isBuffer(answer)) {
      index++;
      yield answer;
      continue;
    }
    if (typeof answer === 'string') {
      if (rendition.segment(msn)) return;
      throw new Error('the segment has ended early');
    }
    const ended = recordWait();
    signal.addEventListener('abort', answer.cancel);
    const outcome = await answer.outcome;
    signal.removeEventListener('abort', answer.cancel);
    ended();
    if (outcome === 'late') throw new Error('no part came in time');
    if (outcome === 'cancelled' || outcome === 'closed') throw new Error('the wait was cancelled');
  }
}
