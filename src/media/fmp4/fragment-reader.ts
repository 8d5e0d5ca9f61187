import { type Box, boxes, findBox } from './box.js';
import { CmafError } from './cmaf-error.js';
import type { TrackInit } from './track-init.js';

/** One sample of a track: a coded video or audio frame. Times in ticks of its timescale. */
export type Sample = {
  /** Decode time on the encoder's timeline. */
  decodeTime: number;
  duration: number;
  /** Reordering delay before a first frame that is decoded when it is presented: the media last so much longer than their decode times. */
  leadingTicks?: number;
  /** Presentation time minus decode time; may be negative. */
  compositionOffset: number;
  /** Sample flags (ISO/IEC 14496-12, 8.8.3.1). */
  flags: number;
  /** Sync sample: decodable without earlier samples. */
  sync: boolean;
  data: Buffer;
};

/** tfhd flags (8.8.7). */
const TFHD = {
  baseDataOffset: 0x1,
  descriptionIndex: 0x2,
  duration: 0x8,
  size: 0x10,
  flags: 0x20,
} as const;
/** trun flags (8.8.8). */
const TRUN = {
  dataOffset: 0x1,
  firstFlags: 0x4,
  duration: 0x100,
  size: 0x200,
  flags: 0x400,
  compositionOffset: 0x800,
} as const;
/** sample_is_non_sync_sample (8.8.3.1). */
const NON_SYNC = 0x10000;
/** Greatest decode time accepted, seconds: beyond every real clock and within the range of Date. */
const LATEST_TIME = 1e10;
/** Greatest number of samples in a fragment; encoders write fragments of a frame or a part. */
const MAXIMUM_SAMPLES = 10_000;

function invalid(message: string): CmafError {
  return new CmafError('cmaf_fragment_invalid', message);
}

/**
 * Reads the samples of a movie fragment whose data are in the mdat that follows it.
 *
 * @param moof the whole moof box
 * @param mdat the whole mdat box; samples are views of it
 * @throws CmafError if the boxes contradict each other or the initialization section
 */
export function readFragment(moof: Buffer, mdat: Buffer, mdatHeader: number, init: TrackInit): Sample[] {
  const top = [...boxes(moof)][0];
  const trafs = top ? [...boxes(moof, top.body, top.end)].filter((box) => box.type === 'traf') : [];
  const traf = trafs[0];
  if (!traf || trafs.length > 1) throw invalid(`A fragment with ${trafs.length} tracks`);
  const defaults = readTfhd(moof, traf, init);
  const samples: Sample[] = [];
  let decodeTime = readTfdt(moof, traf, init.timescale);
  let position = mdatHeader;
  for (const trun of boxes(moof, traf.body, traf.end)) {
    if (trun.type !== 'trun') continue;
    const version = moof[trun.body]!;
    const flags = moof.readUInt32BE(trun.body) & 0xffffff;
    const count = moof.readUInt32BE(trun.body + 4);
    let at = trun.body + 8;
    if (flags & TRUN.dataOffset) {
      position = moof.readInt32BE(at) - moof.length;
      at += 4;
    }
    let firstFlags: number | undefined;
    if (flags & TRUN.firstFlags) {
      firstFlags = moof.readUInt32BE(at);
      at += 4;
    }
    const columns = [TRUN.duration, TRUN.size, TRUN.flags, TRUN.compositionOffset];
    const row = 4 * columns.filter((column) => flags & column).length;
    if (samples.length + count > MAXIMUM_SAMPLES || at + row * count > trun.end) {
      throw invalid(`A track run with ${count} samples`);
    }
    for (let index = 0; index < count; index++) {
      const next = (): number => {
        at += 4;
        return moof.readUInt32BE(at - 4);
      };
      const duration = flags & TRUN.duration ? next() : defaults.duration;
      const size = flags & TRUN.size ? next() : defaults.size;
      let own = flags & TRUN.flags ? next() : defaults.flags;
      if (index === 0 && firstFlags !== undefined) own = firstFlags;
      let compositionOffset = flags & TRUN.compositionOffset ? next() : 0;
      // Composition offsets are signed from version 1 on.
      if (version > 0) compositionOffset |= 0;
      if (position < mdatHeader || position + size > mdat.length) throw invalid('A sample outside its data');
      samples.push({
        decodeTime,
        duration,
        compositionOffset,
        flags: own,
        sync: init.kind === 'audio' || !(own & NON_SYNC),
        data: mdat.subarray(position, position + size),
      });
      decodeTime += duration;
      position += size;
    }
  }
  return samples;
}

function readTfhd(moof: Buffer, traf: Box, init: TrackInit): TrackInit['defaults'] {
  const tfhd = findBox(moof, ['tfhd'], traf.body, traf.end);
  if (!tfhd) throw invalid('No tfhd box');
  const flags = moof.readUInt32BE(tfhd.body) & 0xffffff;
  const trackId = moof.readUInt32BE(tfhd.body + 4);
  if (trackId !== init.trackId) throw invalid(`A fragment of track ${trackId} instead of ${init.trackId}`);
  if (flags & TFHD.baseDataOffset) throw invalid('A fragment with absolute data offsets');
  let at = tfhd.body + 8 + (flags & TFHD.descriptionIndex ? 4 : 0);
  const take = (flag: number, fallback: number): number => {
    if (!(flags & flag)) return fallback;
    at += 4;
    return moof.readUInt32BE(at - 4);
  };
  const duration = take(TFHD.duration, init.defaults.duration);
  const size = take(TFHD.size, init.defaults.size);
  return { duration, size, flags: take(TFHD.flags, init.defaults.flags) };
}

function readTfdt(moof: Buffer, traf: Box, timescale: number): number {
  const tfdt = findBox(moof, ['tfdt'], traf.body, traf.end);
  if (!tfdt) throw invalid('No tfdt box');
  const wide = moof[tfdt.body] === 1;
  const time = wide ? Number(moof.readBigUInt64BE(tfdt.body + 4)) : moof.readUInt32BE(tfdt.body + 4);
  // Encoders write negative times as 2^64 - x.
  if (time > Number.MAX_SAFE_INTEGER || time / timescale > LATEST_TIME)
    throw invalid('A decode time out of range');
  return time;
}
