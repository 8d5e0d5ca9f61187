import type { Logger } from '../../platform/index.js';
import type { Broadcast } from '../../streams/index.js';
import type { EncoderEnd } from '../hls/encoder.js';
import type { BroadcastMemory } from '../transcode-settings.js';

/** Notifies the broadcaster of an encoder's memory limit; else replaces hardware that produced no output. */
export function recordFailure(
  end: EncoderEnd,
  broadcast: Pick<Broadcast, 'notice'>,
  memory: BroadcastMemory,
  log: Logger,
): void {
  if (!end.overMemory) {
    memory.encoder.doubt(end, log);
    return;
  }
  const text =
    'Encoding this video took more memory than the server allows and was begun anew: choose a smaller output resolution or fewer reference frames.';
  broadcast.notice('memory', text);
}
