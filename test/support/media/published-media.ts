import { CmafScanner, type Sample, type TrackInit } from '../../../src/media/index.js';

export type PublishedPart = {
  samples: Sample[];
  /** Decode times, in s and in ticks of the track. */
  start: number;
  startTicks: number;
  endTicks: number;
};

/** Reads a part or segment as a player would, with its initialization section. */
export function readPart(init: Buffer, bytes: Buffer): PublishedPart {
  const samples: Sample[] = [];
  let track: TrackInit | undefined;
  const scanner = new CmafScanner({
    init: (found) => {
      track = found;
    },
    sample: (sample) => samples.push(sample),
  });
  scanner.write(init);
  scanner.write(bytes);
  const first = samples[0];
  const last = samples.at(-1);
  if (!track || !first || !last || scanner.pending > 0) throw new Error('this is no part');
  return {
    samples,
    start: first.decodeTime / track.timescale,
    startTicks: first.decodeTime,
    endTicks: last.decodeTime + last.duration,
  };
}
