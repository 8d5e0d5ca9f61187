import t from 'tap';
import { outboundStats, type StatsEntry } from '../../../src/web/broadcast/outbound-stats.js';

const layer = (rid: string, height: number, timestamp: number, bytesSent: number): StatsEntry => ({
  ...{ type: 'outbound-rtp', id: `video-${rid}`, kind: 'video', rid, codecId: 'codec', timestamp, bytesSent },
  ...{ frameWidth: (height * 16) / 9, frameHeight: height, framesPerSecond: 30, framesEncoded: 10 },
  ...{ packetsSent: 100, retransmittedPacketsSent: 2, qualityLimitationReason: 'none' },
});
const audio = (timestamp: number, bytesSent: number): StatsEntry => ({
  ...{ type: 'outbound-rtp', id: 'audio', kind: 'audio', timestamp, bytesSent, packetsSent: 50 },
});
const byId = (entries: StatsEntry[]) => new Map(entries.map((entry) => [entry.id, entry]));

t.test('bit rates are computed from two samples, per layer and in total', async (t) => {
  const before = byId([layer('l', 180, 1_000, 0), layer('h', 720, 1_000, 10_000), audio(1_000, 500)]);
  const stats = outboundStats(
    [
      layer('l', 180, 3_000, 25_000),
      layer('h', 720, 3_000, 510_000),
      audio(3_000, 16_500),
      { type: 'codec', id: 'codec', timestamp: 3_000, mimeType: 'video/H264' },
      { type: 'candidate-pair', id: 'idle', timestamp: 3_000, currentRoundTripTime: 9 },
      {
        ...{ type: 'candidate-pair', id: 'used', timestamp: 3_000, nominated: true },
        ...{ currentRoundTripTime: 0.025, availableOutgoingBitrate: 3_000_000 },
      },
      { type: 'remote-inbound-rtp', id: 'r1', timestamp: 3_000, fractionLost: 0.01 },
      { type: 'remote-inbound-rtp', id: 'r2', timestamp: 3_000, fractionLost: 0.04 },
    ],
    before,
  );
  t.same(
    stats.layers.map(({ rid, bitrate, height }) => [rid, bitrate, height]),
    [
      ['h', 2_000_000, 720],
      ['l', 100_000, 180],
    ],
  );
  t.match(stats, {
    bitrate: 2_164_000,
    codec: 'video/H264',
    limitation: 'none',
    roundTripMs: 25,
    lossRatio: 0.04,
    availableBitrate: 3_000_000,
    packetsSent: 250,
    retransmitted: 4,
  });
});

t.test('bit rates are undefined at the first sample and after a counter reset', async (t) => {
  t.equal(outboundStats([layer('h', 720, 1_000, 5_000)], new Map()).bitrate, undefined);
  const before = byId([layer('h', 720, 1_000, 5_000)]);
  t.equal(outboundStats([layer('h', 720, 2_000, 100)], before).layers[0]?.bitrate, undefined);
});

t.test('the worst limitation of all layers is reported, and inactive layers are omitted', async (t) => {
  const limited = (rid: string, qualityLimitationReason: string) => ({
    ...layer(rid, 720, 0, 0),
    qualityLimitationReason,
  });
  t.equal(outboundStats([limited('l', 'bandwidth'), limited('h', 'cpu')], new Map()).limitation, 'cpu');
  t.equal(
    outboundStats([limited('l', 'none'), limited('h', 'bandwidth')], new Map()).limitation,
    'bandwidth',
  );
  t.same(outboundStats([{ ...layer('h', 720, 0, 0), active: false }], new Map()).layers, []);
  t.match(outboundStats([], new Map()), { bitrate: undefined, limitation: 'none', lossRatio: undefined });
});
