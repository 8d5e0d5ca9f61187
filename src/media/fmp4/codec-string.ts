import { type Box, boxes } from './box.js';

/** Bytes of a VisualSampleEntry before its child boxes (ISO/IEC 14496-12, 12.1.3). */
const VISUAL_ENTRY_FIELDS = 78;
/** Bytes of an AudioSampleEntry before its child boxes (12.2.3). */
const AUDIO_ENTRY_FIELDS = 28;

const hex = (value: number, width = 2): string => value.toString(16).padStart(width, '0');

function child(bytes: Buffer, entry: Box, fields: number, type: string): Buffer | undefined {
  for (const box of boxes(bytes, entry.body + fields, entry.end)) {
    if (box.type === type) return bytes.subarray(box.body, box.end);
  }
  return undefined;
}

/** `hvc1.1.6.L93.B0`: ISO/IEC 14496-15, annex E.3. */
function hevcString(type: string, hvcC: Buffer): string {
  const profile = hvcC[1]!;
  let compatibility = hvcC.readUInt32BE(2);
  let reversed = 0;
  for (let bit = 0; bit < 32; bit++) {
    reversed = ((reversed << 1) | (compatibility & 1)) >>> 0;
    compatibility >>>= 1;
  }
  const constraints = [...hvcC.subarray(6, 12)];
  while (constraints.length > 1 && constraints.at(-1) === 0) constraints.pop();
  const space = ['', 'A', 'B', 'C'][profile >> 6]!;
  const tier = profile & 0x20 ? 'H' : 'L';
  const tail = constraints.map((byte) => hex(byte, 1).toUpperCase()).join('.');
  return `${type}.${space}${profile & 0x1f}.${hex(reversed, 1).toUpperCase()}.${tier}${hvcC[12]!}.${tail}`;
}

/** `av01.0.05M.08`: AV1 Codec ISO Media File Format Binding, section 5. */
function av1String(av1C: Buffer): string {
  const level = av1C[1]! & 0x1f;
  const tier = av1C[2]! & 0x80 ? 'H' : 'M';
  const depth = av1C[2]! & 0x40 ? (av1C[2]! & 0x20 ? 12 : 10) : 8;
  return `av01.${av1C[1]! >> 5}.${String(level).padStart(2, '0')}${tier}.${String(depth).padStart(2, '0')}`;
}

/** `vp09.00.31.08`: VP Codec ISO Media File Format Binding. */
function vp9String(vpcC: Buffer): string {
  const two = (value: number): string => String(value).padStart(2, '0');
  return `vp09.${two(vpcC[4]!)}.${two(vpcC[5]!)}.${two(vpcC[6]! >> 4)}`;
}

/**
 * Returns the RFC 6381 codec string of a video sample entry (`avc1.64001f`); undefined for codecs this gateway does
 * not serve.
 */
export function videoCodecString(bytes: Buffer, entry: Box): string | undefined {
  const config = (type: string): Buffer | undefined => child(bytes, entry, VISUAL_ENTRY_FIELDS, type);
  switch (entry.type) {
    case 'avc1':
    case 'avc3': {
      const avcC = config('avcC');
      return avcC && avcC.length >= 4
        ? `${entry.type}.${hex(avcC[1]!)}${hex(avcC[2]!)}${hex(avcC[3]!)}`
        : undefined;
    }
    case 'hvc1':
    case 'hev1': {
      const hvcC = config('hvcC');
      return hvcC && hvcC.length >= 13 ? hevcString(entry.type, hvcC) : undefined;
    }
    case 'av01': {
      const av1C = config('av1C');
      return av1C && av1C.length >= 3 ? av1String(av1C) : undefined;
    }
    case 'vp09': {
      const vpcC = config('vpcC');
      return vpcC && vpcC.length >= 7 ? vp9String(vpcC) : undefined;
    }
    default:
      return undefined;
  }
}

/** Descriptor tags of ISO/IEC 14496-1, 7.2.2.1. */
const ES_DESCRIPTOR = 3;
const DECODER_CONFIG = 4;
const DECODER_SPECIFIC_INFO = 5;
/** Object type indication "Audio ISO/IEC 14496-3". */
const MPEG4_AUDIO = 0x40;
/** Audio object type 31 escapes to 6 more bits (ISO/IEC 14496-3, 1.6.2.1). */
const AUDIO_OBJECT_TYPE_ESCAPE = 31;

type ElementaryStream = { objectType: number | undefined; specificInfo: Buffer | undefined };

/** Reads the descriptors of an esds box up to the DecoderSpecificInfo. */
function readElementaryStream(esds: Buffer): ElementaryStream {
  let at = 4;
  let objectType: number | undefined;
  while (at < esds.length) {
    const tag = esds[at++];
    let length = 0;
    let byte: number;
    do {
      byte = esds[at++] ?? 0;
      length = (length << 7) | (byte & 0x7f);
    } while (byte & 0x80 && at < esds.length);
    if (tag === ES_DESCRIPTOR) {
      const flags = esds[at + 2] ?? 0;
      at += 3 + (flags & 0x80 ? 2 : 0) + (flags & 0x20 ? 2 : 0);
    } else if (tag === DECODER_CONFIG) {
      objectType = esds[at];
      at += 13;
    } else if (tag === DECODER_SPECIFIC_INFO && objectType === MPEG4_AUDIO) {
      return { objectType, specificInfo: esds.subarray(at, at + length) };
    } else {
      at += length;
    }
  }
  return { objectType, specificInfo: undefined };
}

/** Returns the codec string of an esds box: `mp4a.40.2`. */
function mpeg4AudioString(esds: Buffer): string | undefined {
  const { objectType, specificInfo } = readElementaryStream(esds);
  if (!specificInfo)
    return objectType === undefined || objectType === MPEG4_AUDIO ? undefined : `mp4a.${hex(objectType)}`;
  const first = specificInfo[0] ?? 0;
  const short = first >> 3;
  const audio =
    short === AUDIO_OBJECT_TYPE_ESCAPE ? 32 + (((first & 7) << 3) | ((specificInfo[1] ?? 0) >> 5)) : short;
  return `mp4a.40.${audio}`;
}

/**
 * Returns the decoder configuration of a sample entry: AVCDecoderConfigurationRecord (ISO/IEC 14496-15, 5.3.3.1) or
 * AudioSpecificConfig (ISO/IEC 14496-3, 1.6.2.1); undefined for other codecs.
 */
export function entryConfiguration(bytes: Buffer, entry: Box): Buffer | undefined {
  if (entry.type === 'avc1') return child(bytes, entry, VISUAL_ENTRY_FIELDS, 'avcC');
  const esds = entry.type === 'mp4a' ? child(bytes, entry, AUDIO_ENTRY_FIELDS, 'esds') : undefined;
  return esds && readElementaryStream(esds).specificInfo;
}

/** Returns the RFC 6381 codec string of an audio sample entry; undefined for codecs this gateway does not serve. */
export function audioCodecString(bytes: Buffer, entry: Box): string | undefined {
  switch (entry.type) {
    case 'mp4a': {
      const esds = child(bytes, entry, AUDIO_ENTRY_FIELDS, 'esds');
      return esds && mpeg4AudioString(esds);
    }
    case 'Opus':
      return 'opus';
    case 'fLaC':
      return 'fLaC';
    case 'ac-3':
    case 'ec-3':
      return entry.type;
    default:
      return undefined;
  }
}
