/** Keyframe intervals that are kept for readers. */
export const KEPT_INTERVALS = 8;
/** Weight of a tag in the average lead: about a third of a second of audio or video. */
const LEAD_WEIGHT = 0.1;

/**
 * Measurements of a publication, which ingest adds to and the ingest health reads once a second. A tag costs a few additions.
 * Totals since the publication began; NaN is unknown.
 */
export class SourceCounters {
  audioBytes = 0;
  videoBytes = 0;
  pictures = 0;
  /** Bytes and number of the pictures that are keyframes. */
  keyframeBytes = 0;
  keyframes = 0;
  /** Pictures that the encoder left out of a regular frame rate. */
  droppedPictures = 0;
  /** Whether pictures come at irregular intervals of media time. */
  irregularFrameRate = false;
  /** Ring of the last keyframe intervals, ms of media time, and their number so far. RTMP only. */
  readonly keyframeIntervalsMs = new Float64Array(KEPT_INTERVALS);
  keyframeIntervals = 0;
  /** Media time since the last keyframe, ms. RTMP only. */
  sinceKeyframeMs = 0;
  /** Timelines begun, and those that began because timestamps jumped. */
  timelines = 0;
  timestampJumps = 0;
  /**
   * Average of media time minus arrival, ms, of an arbitrary origin that both kinds share within a timeline: it falls while
   * media are late.
   */
  audioLeadMs = Number.NaN;
  videoLeadMs = Number.NaN;
  /** Packets of WebRTC that were expected, and those that never came. */
  packets = 0;
  packetsLost = 0;
  /** Round trip to the publisher, ms. WebRTC only. */
  roundTripMs = Number.NaN;
  /** Level of the sound over the last second, dBFS (RFC 6464). WebRTC only. */
  audioLevelDb = Number.NaN;

  countAudio(bytes: number, leadMs: number): void {
    this.audioBytes += bytes;
    this.audioLeadMs = averaged(this.audioLeadMs, leadMs);
  }

  countPicture(bytes: number, keyframe: boolean, leadMs: number): void {
    this.videoBytes += bytes;
    this.pictures++;
    this.videoLeadMs = averaged(this.videoLeadMs, leadMs);
    if (!keyframe) return;
    this.keyframes++;
    this.keyframeBytes += bytes;
  }

  countKeyframeInterval(ms: number): void {
    this.keyframeIntervalsMs[this.keyframeIntervals++ % KEPT_INTERVALS] = ms;
  }

  /** Starts a timeline, whose media time has another origin. */
  startTimeline(): void {
    this.timelines++;
    this.sinceKeyframeMs = 0;
    this.irregularFrameRate = false;
    this.audioLeadMs = Number.NaN;
    this.videoLeadMs = Number.NaN;
  }
}

function averaged(average: number, value: number): number {
  return Number.isNaN(average) ? value : average + (value - average) * LEAD_WEIGHT;
}
