import { run } from '../encoder.js';

/** Packet of a media file. */
export type MediaPacket = { data: Buffer; ptsMs: number; dtsMs: number; isKeyframe: boolean };

type Probed = {
  packets: { data: string; pts_time: string; dts_time?: string; flags: string }[];
  streams: { extradata?: string }[];
};

/** Reads the packets of a media file with one stream, and the configuration of its decoder. */
export async function mediaPackets(file: string): Promise<{ configuration: Buffer; packets: MediaPacket[] }> {
  const entries = 'stream=extradata:packet=data,pts_time,dts_time,flags';
  const options = ['-v', 'error', '-show_data', '-show_entries', entries, '-of', 'json'];
  const { packets, streams } = JSON.parse((await run('ffprobe', [...options, file])).stdout) as Probed;
  return {
    configuration: bytesOf(streams[0]?.extradata ?? ''),
    packets: packets.map(({ data, pts_time, dts_time = pts_time, flags }) => ({
      data: bytesOf(data),
      ptsMs: Math.round(Number(pts_time) * 1_000),
      dtsMs: Math.round(Number(dts_time) * 1_000),
      isKeyframe: flags.includes('K'),
    })),
  };
}

/** Reads what ffprobe prints of bytes: lines of an offset, groups of four digits and characters. */
function bytesOf(dump: string): Buffer {
  const digits = [...dump.matchAll(/^[\da-f]{8}: ((?:[\da-f]{2,4} )+)/gm)].map(([, groups = '']) => groups);
  return Buffer.from(digits.join('').replaceAll(' ', ''), 'hex');
}
