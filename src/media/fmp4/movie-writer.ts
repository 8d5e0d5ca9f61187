import { BOX_HEADER_SIZE, type Box, boxes, findBox } from './box.js';
import {
  box,
  fullBox,
  MOVIE_TIMESCALE,
  movieHeader,
  shorts,
  text,
  trackExtends,
  words,
} from './box-writer.js';
import { CmafError } from './cmaf-error.js';
import type { TrackInit } from './track-init.js';

/** Most references of a segment index (ISO/IEC 14496-12, 8.16.3). */
export const MAXIMUM_REFERENCES = 0xffff;
/** Full boxes of version 1, without flags. */
const VERSION_1 = 0x0100_0000;
/** starts_with_SAP with SAP type 1: a reference begins with a sample from which a decoder can start. */
const STARTS_WITH_SAP = 0x9000_0000;

/** Track of a movie: the tracks that are joined to it, whose codecs differ in their configuration only. */
export type JoinedTrack = {
  /** The first one describes the track. */
  inits: readonly TrackInit[];
};

/**
 * Writes ftyp and moov of a fragmented movie of several tracks, numbered from 1. A track has the sample descriptions of its
 * `inits`, in their order, and the timescale of the first.
 */
export function writeMovieInit(tracks: readonly JoinedTrack[], durationS: number): Buffer {
  const ftyp = box('ftyp', text('iso6'), words(0), text('iso6isommp41'));
  const length = Buffer.alloc(8);
  length.writeBigUInt64BE(BigInt(Math.round(durationS * MOVIE_TIMESCALE)));
  const moov = box(
    'moov',
    movieHeader(tracks.length + 1),
    ...tracks.map((track, index) => joinedTrackBox(track, index + 1)),
    box('mvex', fullBox('mehd', VERSION_1, length), ...tracks.map((_, index) => trackExtends(index + 1))),
  );
  return Buffer.concat([ftyp, moov]);
}

/** Subsegment of a segment index: bytes and ticks. */
export type SegmentReference = { sizeBytes: number; duration: number };

/** Writes the index (sidx, 8.16.3) of the subsegments behind it, of which the first begins at time 0. */
export function writeSegmentIndex(
  trackId: number,
  timescale: number,
  references: readonly SegmentReference[],
): Buffer {
  return fullBox(
    'sidx',
    VERSION_1,
    words(trackId, timescale, 0, 0, 0, 0),
    shorts(0, references.length),
    ...references.map(({ sizeBytes, duration }) => words(sizeBytes, duration, STARTS_WITH_SAP)),
  );
}

/** Returns the sample description of a track, which all of its samples have. */
export function sampleDescription({ data }: TrackInit): Buffer {
  const stsd = need(data, ['moov', 'trak', 'mdia', 'minf', 'stbl', 'stsd']);
  // Behind version, flags and the number of descriptions.
  return data.subarray(stsd.body + 8, stsd.end);
}

/** Bytes of a VisualSampleEntry before its child boxes (12.1.3). */
const VISUAL_ENTRY_FIELDS = 78;

/** H.264 parameter sets of a track as they are within its samples, each behind its length. */
export type ParameterSets = { lengthSize: number; bytes: Buffer };

/** Returns the parameter sets of an H.264 track (ISO/IEC 14496-15, 5.3.3.1); undefined for other codecs. */
export function parameterSets(init: TrackInit): ParameterSets | undefined {
  const entry = sampleDescription(init);
  if (!init.codec.startsWith('avc')) return undefined;
  const avcC = findBox(entry, ['avcC'], BOX_HEADER_SIZE + VISUAL_ENTRY_FIELDS);
  if (!avcC) return undefined;
  const record = entry.subarray(avcC.body, avcC.end);
  const lengthSize = (record[4]! & 3) + 1;
  const sets: Buffer[] = [];
  let at = 5;
  for (const countMask of [0x1f, 0xff]) {
    const count = (record[at++] ?? 0) & countMask;
    for (let index = 0; index < count && at + 2 <= record.length; index++) {
      const sizeBytes = record.readUInt16BE(at);
      const length = Buffer.alloc(lengthSize);
      length.writeUIntBE(sizeBytes, 0, lengthSize);
      sets.push(length, record.subarray(at + 2, at + 2 + sizeBytes));
      at += 2 + sizeBytes;
    }
  }
  return { lengthSize, bytes: Buffer.concat(sets) };
}

function joinedTrackBox({ inits }: JoinedTrack, trackId: number): Buffer {
  const first = inits[0];
  if (!first) throw new CmafError('cmaf_init_invalid', 'A track of nothing');
  const { data } = first;
  const track = need(data, ['moov', 'trak']);
  const copy = (path: string[]): Buffer => {
    const found = need(data, path, track.body, track.end);
    return Buffer.from(data.subarray(found.start, found.end));
  };
  const header = copy(['tkhd']);
  // Behind box header, version, flags and two times, which have 64 bits in version 1 (8.3.2).
  header.writeUInt32BE(trackId, header[8] === 1 ? 28 : 20);
  const table = need(data, ['mdia', 'minf', 'stbl'], track.body, track.end);
  const others = [...boxes(data, table.body, table.end)].filter(({ type }) => type !== 'stsd');
  const descriptions = box('stsd', words(0, inits.length), ...inits.map(sampleDescription));
  const minf = need(data, ['mdia', 'minf'], track.body, track.end);
  const information = [...boxes(data, minf.body, minf.end)].filter(({ type }) => type !== 'stbl');
  const bytes = ({ start, end }: Box): Buffer => data.subarray(start, end);
  return box(
    'trak',
    header,
    box(
      'mdia',
      ...[copy(['mdia', 'mdhd']), copy(['mdia', 'hdlr'])],
      box('minf', ...information.map(bytes), box('stbl', descriptions, ...others.map(bytes))),
    ),
  );
}

function need(data: Buffer, path: string[], start?: number, end?: number): Box {
  const found = findBox(data, path, start, end);
  if (!found) throw new CmafError('cmaf_init_invalid', `No ${path.join('/')} box`);
  return found;
}
