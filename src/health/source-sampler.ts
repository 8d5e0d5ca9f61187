import { SourceCounters } from '../media/index.js';
import type { Source } from '../streams/index.js';
import type { Sample } from './series.js';

/** Level that silence is shown as, dBFS. */
const LOWEST_LEVEL_DB = -100;

/** Level of the sound over a second, dBFS; NaN: unknown. */
export type AudioLevel = { levelDb: number; peakDb: number };

const UNKNOWN_LEVEL: AudioLevel = { levelDb: Number.NaN, peakDb: Number.NaN };

/** Measures a publication once a second, by the counters of its ingest. */
export class SourceSampler {
  readonly #source: Source;
  #before = new SourceCounters();
  #size = '';
  #timelines = 0;

  constructor(source: Source) {
    this.#source = source;
  }

  /** Whether a timeline has begun since the last call: times of the samples before cannot be compared with later ones. */
  takeNewTimeline(): boolean {
    const { timelines } = this.#source.counters;
    const isNew = timelines !== this.#timelines;
    this.#timelines = timelines;
    return isNew;
  }

  /**
   * @param elapsedMs since the last call
   * @param measured level of the sound where the sender does not tell it
   */
  sample(elapsedMs: number, measured = UNKNOWN_LEVEL): Sample {
    const { info, counters } = this.#source;
    const before = this.#before;
    this.#before = Object.assign(new SourceCounters(), counters);
    const seconds = elapsedMs / 1_000;
    const audioBytes = counters.audioBytes - before.audioBytes;
    const videoBytes = counters.videoBytes - before.videoBytes;
    const pictures = counters.pictures - before.pictures;
    const packets = counters.packets - before.packets;
    const lost = Math.max(0, counters.packetsLost - before.packetsLost);
    // Only what has come within this second tells how late it is.
    const audioLeadMs = audioBytes > 0 ? counters.audioLeadMs : Number.NaN;
    const videoLeadMs = pictures > 0 ? counters.videoLeadMs : Number.NaN;
    const levelDb = Number.isNaN(counters.audioLevelDb) ? measured.levelDb : counters.audioLevelDb;
    return {
      videoBitrate: (videoBytes * 8) / seconds,
      audioBitrate: (audioBytes * 8) / seconds,
      frameRate: pictures / seconds,
      keyframeInterval: info.video?.keyframeInterval ?? Number.NaN,
      droppedPictures: counters.droppedPictures - before.droppedPictures,
      lateMs: Number.NaN,
      roundTripMs: counters.roundTripMs,
      packetLoss: packets > 0 ? Math.min(1, lost / packets) : Number.NaN,
      audioLevel: Math.max(LOWEST_LEVEL_DB, levelDb),
      avSkewMs: audioLeadMs - videoLeadMs,
      leadMs: Number.isNaN(audioLeadMs) ? videoLeadMs : audioLeadMs,
      predictedBytes: videoBytes - (counters.keyframeBytes - before.keyframeBytes),
      predictedPictures: pictures - (counters.keyframes - before.keyframes),
      audioPeak: measured.peakDb,
      timestampJumps: counters.timestampJumps - before.timestampJumps,
      sizeChanges: this.#sizeChanged() ? 1 : 0,
      irregular: counters.irregularFrameRate ? 1 : 0,
    };
  }

  /** Whether the resolution is known to have changed since the last call. */
  #sizeChanged(): boolean {
    const { width, height } = this.#source.info.video ?? {};
    if (width === undefined || height === undefined) return false;
    const before = this.#size;
    this.#size = `${width}x${height}`;
    return before !== '' && before !== this.#size;
  }
}
