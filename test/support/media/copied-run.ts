import type { Sample, TrackInit } from '../../../src/media/index.js';
import type { EncoderRunWriter } from '../../../src/streams/index.js';

/** Encoder run that records what is copied to it. */
export class CopiedRun implements EncoderRunWriter {
  readonly index = 0;
  readonly delayMs = 0;
  readonly isSuperseded = false;
  readonly inits = new Map<string, TrackInit>();
  readonly #samples = new Map<string, Sample[]>();

  write(): void {
    throw new Error('copied renditions are not written as bytes');
  }

  startCopy(renditionId: string, init: TrackInit): void {
    if (this.inits.has(renditionId)) throw new Error(`${renditionId} was started twice`);
    this.inits.set(renditionId, init);
    this.#samples.set(renditionId, []);
  }

  sample(renditionId: string, sample: Sample): void {
    const samples = this.#samples.get(renditionId);
    if (!samples) throw new Error(`a sample of ${renditionId} before its initialization section`);
    samples.push(sample);
  }

  encoderEnded(): void {}

  renditionSuspended(): void {}

  renditionEnded(): void {}

  close(): void {}

  samplesOf(renditionId: string): Sample[] {
    return this.#samples.get(renditionId) ?? [];
  }
}
