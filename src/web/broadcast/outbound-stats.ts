/** Subset of the entries of an `RTCStatsReport`; browsers omit fields they do not support. */
export type StatsEntry = {
  type: string;
  id: string;
  /** Milliseconds. */
  timestamp: number;
  kind?: string;
  rid?: string;
  codecId?: string;
  mimeType?: string;
  bytesSent?: number;
  packetsSent?: number;
  retransmittedPacketsSent?: number;
  framesEncoded?: number;
  framesPerSecond?: number;
  frameWidth?: number;
  frameHeight?: number;
  qualityLimitationReason?: string;
  active?: boolean;
  nominated?: boolean;
  currentRoundTripTime?: number;
  availableOutgoingBitrate?: number;
  /** Ratio of packets lost since the previous report, by the receiver (RFC 3550 section 6.4.1). */
  fractionLost?: number;
};

export type OutboundLayer = {
  /** Empty without simulcast. */
  rid: string;
  width: number | undefined;
  height: number | undefined;
  frameRate: number | undefined;
  /** Bits per second since the previous sample. */
  bitrate: number | undefined;
  framesEncoded: number;
};

export type OutboundStats = {
  /** Bits per second, video and audio. */
  bitrate: number | undefined;
  /** From the largest to the smallest. */
  layers: OutboundLayer[];
  /** MIME type, such as `video/H264`. */
  codec: string | undefined;
  /** Worst `qualityLimitationReason` of all layers. */
  limitation: 'none' | 'cpu' | 'bandwidth' | 'other';
  roundTripMs: number | undefined;
  /** Ratio from 0 to 1, of the worst layer. */
  lossRatio: number | undefined;
  /** Estimate of the browser's congestion control, bits per second. */
  availableBitrate: number | undefined;
  packetsSent: number;
  retransmitted: number;
};

/** Computes rates from two samples of the statistics; `before` is empty on the first. */
export function outboundStats(
  entries: Iterable<StatsEntry>,
  before: ReadonlyMap<string, StatsEntry>,
): OutboundStats {
  const all = [...entries];
  const sent = all.filter(({ type }) => type === 'outbound-rtp');
  const video = sent.filter(({ kind }) => kind === 'video');
  const rates = new Map(sent.map((entry) => [entry.id, rateOf(entry, before.get(entry.id))]));
  const known = [...rates.values()].filter((rate) => rate !== undefined);
  const pair = all.find(({ type, nominated }) => type === 'candidate-pair' && nominated);
  const losses = all.flatMap(({ type, fractionLost }) =>
    type === 'remote-inbound-rtp' && fractionLost !== undefined ? [fractionLost] : [],
  );
  const codecId = video[0]?.codecId;
  return {
    bitrate: known.length > 0 ? known.reduce((sum, rate) => sum + rate, 0) : undefined,
    layers: video
      .filter(({ active }) => active !== false)
      .map((entry) => ({
        rid: entry.rid ?? '',
        width: entry.frameWidth,
        height: entry.frameHeight,
        frameRate: entry.framesPerSecond,
        bitrate: rates.get(entry.id),
        framesEncoded: entry.framesEncoded ?? 0,
      }))
      .sort((one, other) => (other.height ?? 0) - (one.height ?? 0)),
    codec: all.find(({ type, id }) => type === 'codec' && id === codecId)?.mimeType,
    limitation: worstLimitation(video.map(({ qualityLimitationReason }) => qualityLimitationReason)),
    roundTripMs: pair?.currentRoundTripTime === undefined ? undefined : pair.currentRoundTripTime * 1_000,
    lossRatio: losses.length > 0 ? Math.max(...losses) : undefined,
    availableBitrate: pair?.availableOutgoingBitrate,
    packetsSent: sum(sent.map(({ packetsSent }) => packetsSent)),
    retransmitted: sum(sent.map(({ retransmittedPacketsSent }) => retransmittedPacketsSent)),
  };
}

function rateOf(now: StatsEntry, before: StatsEntry | undefined): number | undefined {
  const ms = before ? now.timestamp - before.timestamp : 0;
  const bytes = (now.bytesSent ?? 0) - (before?.bytesSent ?? 0);
  return ms > 0 && bytes >= 0 ? Math.round((bytes * 8_000) / ms) : undefined;
}

function worstLimitation(reasons: (string | undefined)[]): OutboundStats['limitation'] {
  for (const reason of ['cpu', 'bandwidth', 'other'] as const) if (reasons.includes(reason)) return reason;
  return 'none';
}

function sum(numbers: (number | undefined)[]): number {
  return numbers.reduce<number>((total, number) => total + (number ?? 0), 0);
}
