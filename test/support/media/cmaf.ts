/** One fragment of a CMAF track. Times in seconds. */
export type Fragment = {
  /** Decode time of its first sample. */
  decode: number;
  /** Presentation time of its first sample. */
  presentation: number;
  duration: number;
  samples: number;
  /** Begins with a sync sample (for audio: always). */
  independent: boolean;
};

export type CmafTrack = {
  timescale: number;
  width: number;
  height: number;
  codec: string;
  fragments: Fragment[];
};

type Box = { type: string; body: Buffer };

function boxes(bytes: Buffer): Box[] {
  const found: Box[] = [];
  for (let offset = 0; offset + 8 <= bytes.length; ) {
    const size = bytes.readUInt32BE(offset);
    const type = bytes.toString('latin1', offset + 4, offset + 8);
    if (size < 8) throw new Error(`box ${type} at ${offset} says it has ${size} bytes`);
    // The last box of a killed encoder may be cut short.
    if (offset + size > bytes.length) break;
    found.push({ type, body: bytes.subarray(offset + 8, offset + size) });
    offset += size;
  }
  return found;
}

function child(bytes: Buffer, ...path: string[]): Buffer {
  return path.reduce((parent, type) => {
    const found = boxes(parent).find((box) => box.type === type);
    if (!found) throw new Error(`there is no ${type}`);
    return found.body;
  }, bytes);
}

/** Parses a CMAF track (ISO/IEC 14496-12), independently of the code under test. @throws when it is malformed. */
export function parseCmaf(bytes: Buffer): CmafTrack {
  const track: CmafTrack = { timescale: 0, width: 0, height: 0, codec: '', fragments: [] };
  let defaults = { duration: 0, flags: 0 };
  for (const { type, body } of boxes(bytes)) {
    if (type === 'moov') {
      const mdhd = child(body, 'trak', 'mdia', 'mdhd');
      track.timescale = mdhd.readUInt32BE(mdhd[0] === 1 ? 20 : 12);
      const tkhd = child(body, 'trak', 'tkhd');
      track.width = tkhd.readUInt32BE(tkhd.length - 8) / 65_536;
      track.height = tkhd.readUInt32BE(tkhd.length - 4) / 65_536;
      track.codec = child(body, 'trak', 'mdia', 'minf', 'stbl', 'stsd').toString('latin1', 12, 16);
      const trex = child(body, 'mvex', 'trex');
      defaults = { duration: trex.readUInt32BE(12), flags: trex.readUInt32BE(20) };
      if (boxes(child(body, 'trak')).some((box) => box.type === 'edts'))
        throw new Error('there is an edit list');
    }
    if (type === 'moof') track.fragments.push(fragment(body, track.timescale, defaults));
  }
  if (track.timescale === 0) throw new Error('there is no initialization section');
  return track;
}

function fragment(moof: Buffer, timescale: number, defaults: { duration: number; flags: number }): Fragment {
  const tfhd = child(moof, 'traf', 'tfhd');
  const present = tfhd.readUInt32BE(0) & 0xffffff;
  let offset = 8 + (present & 1 ? 8 : 0) + (present & 2 ? 4 : 0);
  let { duration, flags } = defaults;
  if (present & 8) {
    duration = tfhd.readUInt32BE(offset);
    offset += 4;
  }
  if (present & 0x10) offset += 4;
  if (present & 0x20) flags = tfhd.readUInt32BE(offset);

  const tfdt = child(moof, 'traf', 'tfdt');
  const decode = tfdt[0] === 1 ? Number(tfdt.readBigUInt64BE(4)) : tfdt.readUInt32BE(4);

  const trun = child(moof, 'traf', 'trun');
  const has = trun.readUInt32BE(0) & 0xffffff;
  const samples = trun.readUInt32BE(4);
  let at = 8 + (has & 1 ? 4 : 0);
  if (has & 4) {
    flags = trun.readUInt32BE(at);
    at += 4;
  }
  let total = 0;
  let shift = 0;
  for (let sample = 0; sample < samples; sample++) {
    if (has & 0x100) total += trun.readUInt32BE(at);
    else total += duration;
    if (has & 0x100) at += 4;
    if (has & 0x200) at += 4;
    if (has & 0x400 && sample === 0) flags = trun.readUInt32BE(at);
    if (has & 0x400) at += 4;
    if (has & 0x800 && sample === 0) shift = trun.readInt32BE(at);
    if (has & 0x800) at += 4;
  }
  return {
    decode: decode / timescale,
    presentation: (decode + shift) / timescale,
    duration: total / timescale,
    samples,
    // sample_is_non_sync_sample (ISO/IEC 14496-12, 8.8.3.1)
    independent: (flags & 0x10000) === 0,
  };
}

/** Presentation times of the sync samples, ms. */
export function keyframesOf(track: CmafTrack): number[] {
  return track.fragments
    .filter(({ independent }) => independent)
    .map(({ presentation }) => Math.round(presentation * 1000));
}
