import { type Box, boxes, findBox } from './box.js';
import { CmafError } from './cmaf-error.js';
import { audioCodecString, entryConfiguration, videoCodecString } from './codec-string.js';

/** Initialization section (ftyp and moov) of one track. */
export type TrackInit = {
  /** Bytes of the section, as served to players. */
  data: Buffer;
  trackId: number;
  /** Ticks per second of all times in the track. */
  timescale: number;
  /** Codec string (RFC 6381), such as `avc1.64001f`. */
  codec: string;
  /** Defaults of the trex box. Duration in ticks, size in bytes. */
  defaults: { duration: number; size: number; flags: number };
} & (
  | { kind: 'video'; width: number; height: number }
  | { kind: 'audio'; channels: number; sampleRate: number }
);

function invalid(message: string): CmafError {
  return new CmafError('cmaf_init_invalid', message);
}

/**
 * Reads an initialization section. Edit lists are ignored: the encoders are configured to write none.
 *
 * @throws CmafError if it is not one video or audio track that this gateway can serve
 */
export function parseTrackInit(data: Buffer): TrackInit {
  const tracks = [...boxes(data, ...bodyOf(data, ['moov']))].filter((box) => box.type === 'trak');
  const track = tracks[0];
  if (!track || tracks.length > 1) throw invalid(`An initialization section with ${tracks.length} tracks`);
  const inTrack = (path: string[]): Box => need(data, path, track.body, track.end);

  // Fields after version, flags and two times, which have 64 bits in version 1 (ISO/IEC 14496-12, 8.3.2, 8.4.2).
  const afterTimes = (box: Box): number => data.readUInt32BE(box.body + (data[box.body] === 1 ? 20 : 12));
  const trackId = afterTimes(inTrack(['tkhd']));
  const timescale = afterTimes(inTrack(['mdia', 'mdhd']));
  if (timescale === 0) throw invalid('A timescale of 0');

  const trex = findBox(data, ['moov', 'mvex', 'trex']);
  if (!trex) throw invalid('A movie without fragments (no trex box)');
  const common = {
    data,
    trackId,
    timescale,
    defaults: {
      duration: data.readUInt32BE(trex.body + 12),
      size: data.readUInt32BE(trex.body + 16),
      flags: data.readUInt32BE(trex.body + 20),
    },
  };

  const hdlr = inTrack(['mdia', 'hdlr']);
  const handler = data.toString('latin1', hdlr.body + 8, hdlr.body + 12);
  const stsd = inTrack(['mdia', 'minf', 'stbl', 'stsd']);
  const entry = boxes(data, stsd.body + 8, stsd.end).next().value as Box | undefined;
  if (!entry) throw invalid('A track without a sample description');
  const unknown = (): CmafError =>
    invalid(`A ${handler} track of unknown codec ${JSON.stringify(entry.type)}`);
  if (handler === 'vide') {
    const codec = videoCodecString(data, entry);
    if (codec === undefined) throw unknown();
    const width = data.readUInt16BE(entry.body + 24);
    const height = data.readUInt16BE(entry.body + 26);
    return { ...common, kind: 'video', codec, width, height };
  }
  if (handler === 'soun') {
    const codec = audioCodecString(data, entry);
    if (codec === undefined) throw unknown();
    const channels = data.readUInt16BE(entry.body + 16);
    // 16.16 fixed point.
    const sampleRate = data.readUInt16BE(entry.body + 24);
    return { ...common, kind: 'audio', codec, channels, sampleRate };
  }
  throw invalid(`A track with handler ${JSON.stringify(handler)}`);
}

/** Returns the decoder configuration of a track of H.264 or MPEG-4 audio; undefined for other codecs. */
export function decoderConfiguration({ data }: Pick<TrackInit, 'data'>): Buffer | undefined {
  const stsd = findBox(data, ['moov', 'trak', 'mdia', 'minf', 'stbl', 'stsd']);
  const entry = stsd && (boxes(data, stsd.body + 8, stsd.end).next().value as Box | undefined);
  return entry && entryConfiguration(data, entry);
}

function need(data: Buffer, path: string[], start?: number, end?: number): Box {
  const box = findBox(data, path, start, end);
  if (!box) throw invalid(`No ${path.join('/')} box`);
  return box;
}

function bodyOf(data: Buffer, path: string[]): [start: number, end: number] {
  const box = need(data, path);
  return [box.body, box.end];
}
