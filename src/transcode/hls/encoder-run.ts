import type { Logger } from '../../platform/index.js';
import type { Broadcast, EncoderRunWriter } from '../../streams/index.js';
import type { Encoder } from './encoder.js';
import { describedLadder, renditionsOf } from './ladder.js';

/**
 * Opens the run for an encoder's output.
 *
 * @param originMs Unix ms at which the encoder's timeline is 0
 * @throws when the broadcast takes no run
 */
export async function openRun(
  broadcast: Pick<Broadcast, 'openRun'>,
  encoder: Encoder,
  originMs: number,
  log: Logger,
): Promise<EncoderRunWriter> {
  const writer = await broadcast.openRun({ renditions: renditionsOf(encoder.ladder), originMs });
  log.info({ run: writer.index, pid: encoder.pid, ...describedLadder(encoder.ladder) }, 'encoder started');
  return writer;
}
