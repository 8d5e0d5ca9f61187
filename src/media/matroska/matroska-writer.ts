import { ebmlElement, ebmlFloat, ebmlOpenElement, ebmlSize, ebmlString, ebmlUnsigned } from './ebml.js';

/** Element ids (RFC 8794, section 11.2; RFC 9559, section 5). */
const ID = {
  ebml: 0x1a45dfa3,
  docType: 0x4282,
  docTypeVersion: 0x4287,
  docTypeReadVersion: 0x4285,
  segment: 0x18538067,
  info: 0x1549a966,
  timestampScale: 0x2ad7b1,
  muxingApp: 0x4d80,
  writingApp: 0x5741,
  tracks: 0x1654ae6b,
  trackEntry: 0xae,
  trackNumber: 0xd7,
  trackUid: 0x73c5,
  trackType: 0x83,
  flagLacing: 0x9c,
  codecId: 0x86,
  codecPrivate: 0x63a2,
  defaultDuration: 0x23e383,
  seekPreRoll: 0x56bb,
  video: 0xe0,
  pixelWidth: 0xb0,
  pixelHeight: 0xba,
  audio: 0xe1,
  samplingFrequency: 0xb5,
  channels: 0x9f,
  cluster: 0x1f43b675,
  timestamp: 0xe7,
  simpleBlock: 0xa3,
} as const;

/** SimpleBlock exists since version 2, SeekPreRoll since 4. */
const VERSION = { written: 4, read: 2 } as const;
const TRACK_TYPE = { video: 1, audio: 2 } as const;
const KEYFRAME = 0x80;
/** Block header: track number, 16 bits of time relative to the cluster, flags (RFC 9559, section 10.2). */
const BLOCK_HEAD_BYTES = 4;
/** Marks a track number of one byte. */
const SHORT_NUMBER = 0x80;
/** Timestamp ticks per ms: finer than an audio frame, and 16 signed bits of them reach 3 s. */
const TICKS_PER_MS = 10;
const TICK_NS = 1_000_000 / TICKS_PER_MS;
/** Ticks from the start of a cluster after which a new one begins. */
const CLUSTER_TICKS = 2_000 * TICKS_PER_MS;
/** Pre-roll of Opus, ns (codec mapping of Opus). */
const OPUS_PREROLL_NS = 80_000_000;
const OPUS_CODEC_ID = 'A_OPUS';
const NS_PER_S = 1_000_000_000;

/** A video or audio track. `number` identifies it in blocks, 1 to 126. */
export type MatroskaTrack =
  | {
      kind: 'video';
      number: number;
      codecId: string;
      /** Empty for codecs without one. */
      codecPrivate: Uint8Array;
      width: number;
      height: number;
      /** Frames/s; unknown by default. */
      frameRate?: number | undefined;
    }
  | {
      kind: 'audio';
      number: number;
      codecId: string;
      codecPrivate: Uint8Array;
      channels: number;
      /** Hz. */
      sampleRate: number;
    };

/**
 * Writes live Matroska (RFC 9559): a segment of unknown size, in clusters that begin at video keyframes or after two
 * seconds. Returns bytes to be sent in order.
 */
export class MatroskaWriter {
  readonly #tracks: readonly MatroskaTrack[];
  #cluster: number | undefined;

  constructor(tracks: readonly MatroskaTrack[]) {
    this.#tracks = tracks;
  }

  /** Returns the bytes before all blocks. */
  header(): Buffer {
    return Buffer.concat([
      ebmlElement(
        ID.ebml,
        ebmlString(ID.docType, 'matroska'),
        ebmlUnsigned(ID.docTypeVersion, VERSION.written),
        ebmlUnsigned(ID.docTypeReadVersion, VERSION.read),
      ),
      ebmlOpenElement(ID.segment),
      ebmlElement(
        ID.info,
        ebmlUnsigned(ID.timestampScale, TICK_NS),
        ebmlString(ID.muxingApp, 'Headend'),
        ebmlString(ID.writingApp, 'Headend'),
      ),
      ebmlElement(ID.tracks, ...this.#tracks.map(trackEntry)),
    ]);
  }

  /**
   * Returns the bytes before a frame's data.
   *
   * @param number track number
   * @param time presentation time, ms with a fraction, not negative
   * @param bytes length of the frame's data
   */
  frame(number: number, time: number, keyframe: boolean, bytes: number): Buffer {
    const ticks = Math.round(time * TICKS_PER_MS);
    const size = ebmlSize(BLOCK_HEAD_BYTES + bytes);
    const block = Buffer.alloc(BLOCK_HEAD_BYTES);
    block[0] = SHORT_NUMBER | number;
    const cluster = this.#clusterFor(ticks, keyframe && this.#kindOf(number) === 'video');
    block.writeInt16BE(ticks - cluster.start, 1);
    block[3] = keyframe ? KEYFRAME : 0;
    const id = Buffer.of(ID.simpleBlock);
    return Buffer.concat(cluster.opening ? [cluster.opening, id, size, block] : [id, size, block]);
  }

  #kindOf(number: number): MatroskaTrack['kind'] | undefined {
    return this.#tracks.find((track) => track.number === number)?.kind;
  }

  #clusterFor(ticks: number, wanted: boolean): { start: number; opening?: Buffer } {
    const start = this.#cluster;
    if (start !== undefined && !wanted && Math.abs(ticks - start) < CLUSTER_TICKS) return { start };
    this.#cluster = ticks;
    const opening = Buffer.concat([ebmlOpenElement(ID.cluster), ebmlUnsigned(ID.timestamp, ticks)]);
    return { start: ticks, opening };
  }
}

function trackEntry(track: MatroskaTrack): Buffer {
  const { kind, number, codecId, codecPrivate } = track;
  return ebmlElement(
    ID.trackEntry,
    ebmlUnsigned(ID.trackNumber, number),
    ebmlUnsigned(ID.trackUid, number),
    ebmlUnsigned(ID.trackType, TRACK_TYPE[kind]),
    ebmlUnsigned(ID.flagLacing, 0),
    ebmlString(ID.codecId, codecId),
    ...(codecPrivate.length > 0 ? [ebmlElement(ID.codecPrivate, codecPrivate)] : []),
    ...(track.kind === 'video' ? videoElements(track) : audioElements(track)),
  );
}

function videoElements({
  width,
  height,
  frameRate,
}: Extract<MatroskaTrack, { kind: 'video' }>): Uint8Array[] {
  return [
    ...(frameRate ? [ebmlUnsigned(ID.defaultDuration, Math.round(NS_PER_S / frameRate))] : []),
    ebmlElement(ID.video, ebmlUnsigned(ID.pixelWidth, width), ebmlUnsigned(ID.pixelHeight, height)),
  ];
}

function audioElements({
  codecId,
  channels,
  sampleRate,
}: Extract<MatroskaTrack, { kind: 'audio' }>): Uint8Array[] {
  return [
    ...(codecId === OPUS_CODEC_ID ? [ebmlUnsigned(ID.seekPreRoll, OPUS_PREROLL_NS)] : []),
    ebmlElement(ID.audio, ebmlFloat(ID.samplingFrequency, sampleRate), ebmlUnsigned(ID.channels, channels)),
  ];
}
