import { box, fullBox, MATRIX, movieHeader, shorts, text, trackExtends, words } from './box-writer.js';
import { parseTrackInit, type TrackInit } from './track-init.js';

/** Track to be described by an initialization section. */
export type TrackDescription = {
  /** Ticks per second of the track. */
  timescale: number;
  /** AVCDecoderConfigurationRecord (ISO/IEC 14496-15, 5.3.3.1.2), or AudioSpecificConfig (ISO/IEC 14496-3, 1.6.2.1). */
  configuration: Buffer;
} & (
  | {
      kind: 'video';
      /** Pixels. */
      width: number;
      height: number;
      /** Width and height of a pixel, unless it is square. */
      pixelAspect?: { width: number; height: number } | undefined;
    }
  | { kind: 'audio'; channels: number; sampleRate: number }
);

const TRACK_ID = 1;
/** Track is enabled, in the movie and in the preview (8.3.2). */
const TRACK_FLAGS = 7;
/** Language code `und`, packed (8.4.2). */
const UNDETERMINED = 0x55c4;
/** 72 dpi as 16.16 fixed point. */
const RESOLUTION = 0x480000;
/** MPEG-4 descriptor tags (ISO/IEC 14496-1, 7.2.2.1). */
const DESCRIPTOR = { es: 3, decoderConfig: 4, decoderSpecificInfo: 5, slConfig: 6 } as const;
const MPEG4_AUDIO = 0x40;
/** streamType audio, upStream 0, reserved 1 (7.2.6.6). */
const AUDIO_STREAM = (5 << 2) | 1;
/** Predefined SL configuration for MP4 files (7.3.2.3.2). */
const SL_MP4 = 2;

/**
 * Writes the initialization section (ftyp and moov) of one H.264 or AAC track, as CMAF has it (ISO/IEC 23000-19).
 *
 * @throws CmafError when the configuration is not one of H.264 or AAC
 */
export function writeTrackInit(track: TrackDescription): TrackInit {
  const ftyp = box('ftyp', text('iso6'), words(0), text('iso6cmfcmp41'));
  const moov = box('moov', movieHeader(TRACK_ID + 1), trackBox(track), box('mvex', trackExtends(TRACK_ID)));
  return parseTrackInit(Buffer.concat([ftyp, moov]));
}

function trackBox(track: TrackDescription): Buffer {
  const video = track.kind === 'video';
  const size = video ? displaySize(track) : words(0, 0);
  const header = fullBox(
    ...(['tkhd', TRACK_FLAGS] as const),
    ...[words(0, 0, TRACK_ID, 0, 0), words(0, 0), shorts(0, 0, video ? 0 : 0x100, 0), words(...MATRIX), size],
  );
  const media = fullBox('mdhd', 0, words(0, 0, track.timescale, 0), shorts(UNDETERMINED, 0));
  const handler = fullBox('hdlr', 0, words(0), text(video ? 'vide' : 'soun'), words(0, 0, 0), text('\0'));
  const typed = video ? fullBox('vmhd', 1, shorts(0, 0, 0, 0)) : fullBox('smhd', 0, shorts(0, 0));
  const data = box('dinf', fullBox('dref', 0, words(1), fullBox('url ', 1)));
  const table = box(
    'stbl',
    ...[fullBox('stsd', 0, words(1), sampleEntry(track))],
    ...[fullBox('stts', 0, words(0)), fullBox('stsc', 0, words(0))],
    ...[fullBox('stsz', 0, words(0, 0)), fullBox('stco', 0, words(0))],
  );
  return box('trak', header, box('mdia', media, handler, box('minf', typed, data, table)));
}

/** Width and height of the track in square pixels, 16.16 fixed point (8.3.2). */
function displaySize({ width, height, pixelAspect }: TrackDescription & { kind: 'video' }): Buffer {
  const shape = pixelAspect ? pixelAspect.width / pixelAspect.height : 1;
  return words(Math.min(Math.round(width * shape * 0x10000), 0xffff_ffff), height * 0x10000);
}

/** VisualSampleEntry or AudioSampleEntry (ISO/IEC 14496-12, 12.1.3 and 12.2.3). */
function sampleEntry(track: TrackDescription): Buffer {
  const head = [words(0), shorts(0, 1)];
  if (track.kind === 'video') {
    const compressor = Buffer.alloc(32);
    return box(
      'avc1',
      ...[...head, words(0, 0, 0, 0), shorts(track.width, track.height), words(RESOLUTION, RESOLUTION, 0)],
      ...[shorts(1), compressor, shorts(0x18, 0xffff), box('avcC', track.configuration)],
      ...(track.pixelAspect ? [box('pasp', words(track.pixelAspect.width, track.pixelAspect.height))] : []),
    );
  }
  // Rates above 16 bits do not fit the field; decoders read the configuration.
  const rate = Math.min(track.sampleRate, 0xffff) * 0x10000;
  return box(
    'mp4a',
    ...[...head, words(0, 0), shorts(track.channels, 16, 0, 0), words(rate)],
    fullBox('esds', 0, elementaryStream(track.configuration)),
  );
}

function elementaryStream(configuration: Buffer): Buffer {
  const specific = descriptor(DESCRIPTOR.decoderSpecificInfo, configuration);
  const decoder = descriptor(
    DESCRIPTOR.decoderConfig,
    Buffer.from([MPEG4_AUDIO, AUDIO_STREAM, 0, 0, 0]),
    words(0, 0),
    specific,
  );
  const sl = descriptor(DESCRIPTOR.slConfig, Buffer.from([SL_MP4]));
  return descriptor(DESCRIPTOR.es, shorts(TRACK_ID), Buffer.from([0]), decoder, sl);
}

/** Descriptor with a length of four bytes (ISO/IEC 14496-1, 8.3.3). */
function descriptor(tag: number, ...content: Buffer[]): Buffer {
  const length = content.reduce((sum, { length }) => sum + length, 0);
  const bytes = [21, 14, 7].map((shift) => ((length >> shift) & 0x7f) | 0x80);
  return Buffer.concat([Buffer.from([tag, ...bytes, length & 0x7f]), ...content]);
}
