import { PublicError } from '../../platform/index.js';

/** Encoded rendition of a livestream's own ladder. */
export type LadderRung = {
  /** Shorter side in pixels: lines in landscape, columns in portrait; even. */
  height: number;
  /** Bits per second of the video. */
  bitrate: number;
  /** Maximum frames per second; default: those of the source. */
  frameRate?: number;
};

/** Encoded renditions below the source, best first; empty: the source only. */
export type LivestreamLadder = readonly LadderRung[];

/** Ladder of one livestream; null: the gateway's default. */
export type StreamLadderConfig = { streamId: string; ladder: LivestreamLadder | null };

/** Bounds of a ladder: number of rungs, pixels, bits per second, frames per second. */
export const LADDER_LIMITS = {
  rungs: 6,
  height: { minimum: 96, maximum: 4320 },
  bitrate: { minimum: 50_000, maximum: 100_000_000 },
  frameRate: { minimum: 15, maximum: 60 },
} as const;

/** Checks a ladder. @throws PublicError 400 `ladder_invalid`, with a sentence for its owner */
export function checkLadder(ladder: LivestreamLadder): void {
  const { rungs, height, bitrate, frameRate } = LADDER_LIMITS;
  if (ladder.length > rungs) throw invalid(`A ladder has at most ${rungs} renditions: remove some.`);
  for (const [index, rung] of ladder.entries()) {
    const name = `Rendition ${index + 1}`;
    if (!isWithin(rung.height, height) || rung.height % 2 !== 0)
      throw invalid(
        `${name}: the height must be an even number from ${height.minimum} to ${height.maximum}.`,
      );
    if (!isWithin(rung.bitrate, bitrate))
      throw invalid(
        `${name}: the bitrate must be a whole number from ${bitrate.minimum} to ${bitrate.maximum} bits per second.`,
      );
    if (rung.frameRate !== undefined && !isWithin(rung.frameRate, frameRate))
      throw invalid(
        `${name}: the frame rate must be a whole number from ${frameRate.minimum} to ${frameRate.maximum}.`,
      );
    const better = ladder[index - 1];
    if (better && (rung.height >= better.height || rung.bitrate >= better.bitrate))
      throw invalid(`${name}: height and bitrate must be lower than those of the rendition before it.`);
  }
}

function isWithin(value: number, { minimum, maximum }: { minimum: number; maximum: number }): boolean {
  return Number.isInteger(value) && value >= minimum && value <= maximum;
}

function invalid(message: string): PublicError {
  return new PublicError(400, 'ladder_invalid', message);
}
