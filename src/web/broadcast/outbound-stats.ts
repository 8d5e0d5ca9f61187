/** The parts of `RTCStatsReport` entries that are used here; browsers leave out what they don't have. */
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
  /** Share of packets lost since the report before, as the receiver has it (RFC 3550 section 6.4.1). */
  fractionLost?: number;
};

export type OutboundLayer = {
  /** Empty where there is but one. */
  rid: string;
  width: number | undefined;
  height: number | undefined;
  frameRate: number | undefined;
  /** Bits per second since the last reading. */
  bitrate: number | undefined;
  framesEncoded: number;
};

export type OutboundStats = {
  /** Bits per second of picture and sound. */
  bitrate: number | undefined;
  /** From the largest to the smallest. */
  layers: OutboundLayer[];
  /** As in `video/H264`. */
  codec: string | undefined;
  /** What keeps the picture from being better. */
  limitation: 'none' | 'cpu' | 'bandwidth' | 'other';
  roundTripMs: number | undefined;
  /** From 0 to 1, of the worst layer. */
  loss: number | undefined;
  /** Bits per second that the browser thinks it may send. */
  available: number | undefined;
  packetsSent: number;
  retransmitted: number;
};

/** Reads what is sent from two readings of the statistics; the first may be missing. */
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
    limitation: worst(video.map(({ qualityLimitationReason }) => qualityLimitationReason)),
    roundTripMs: pair?.currentRoundTripTime === undefined ? undefined : pair.currentRoundTripTime * 1_000,
    loss: losses.length > 0 ? Math.max(...losses) : undefined,
    available: pair?.availableOutgoingBitrate,
    packetsSent: sum(sent.map(({ packetsSent }) => packetsSent)),
    retransmitted: sum(sent.map(({ retransmittedPacketsSent }) => retransmittedPacketsSent)),
  };
}

function rateOf(now: StatsEntry, before: StatsEntry | undefined): number | undefined {
  const ms = before ? now.timestamp - before.timestamp : 0;
  const bytes = (now.bytesSent ?? 0) - (before?.bytesSent ?? 0);
  return ms > 0 && bytes >= 0 ? Math.round((bytes * 8_000) / ms) : undefined;
}

function worst(reasons: (string | undefined)[]): OutboundStats['limitation'] {
  for (const reason of ['cpu', 'bandwidth', 'other'] as const) if (reasons.includes(reason)) return reason;
  return 'none';
}

function sum(numbers: (number | undefined)[]): number {
  return numbers.reduce<number>((total, number) => total + (number ?? 0), 0);
}
