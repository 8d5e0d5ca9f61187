import { finiteWithin } from '../../platform/index.js';
import { parseRelayPath, type RelayPath } from '../../streams/index.js';
import { amf } from './node-media-server-adapter.js';
import { FRAME_RATE } from './source-meter.js';

/**
 * Fields of `onMetaData` (Flash Video File Format 10.1, annex E.5) that are used: hints until the media has been parsed.
 */
export type StreamMetadata = {
  width?: number;
  height?: number;
  frameRate?: number;
  encoder?: string;
  relayPath?: RelayPath;
  /** Body of the FLV script tag: from `onMetaData`, without RTMP's `@setDataFrame`. */
  body: Buffer;
};

/** AMF0 encodings of the two names. */
const SET_DATA_FRAME = amf.amf0EncodeOne('@setDataFrame');
const ON_META_DATA = amf.amf0EncodeOne('onMetaData');
/** Pixels of a side and of a frame: maxima of the highest levels of H.264 and AV1 (AV1 annex A.3). */
const SIDE = { min: 16, max: 16_384 } as const;
const MAXIMUM_PIXELS = 35_651_584;

/** Parses an AMF0 data message; undefined for other or malformed messages. */
export function readStreamMetadata(payload: Buffer): StreamMetadata | undefined {
  const framed = payload.subarray(0, SET_DATA_FRAME.length).equals(SET_DATA_FRAME);
  const body = framed ? payload.subarray(SET_DATA_FRAME.length) : payload;
  if (!body.subarray(0, ON_META_DATA.length).equals(ON_META_DATA)) return undefined;
  let values: unknown;
  try {
    values = amf.decodeAmf0Data(body).dataObj;
  } catch {
    return undefined;
  }
  if (typeof values !== 'object' || values === null) return undefined;
  const fields = values as Record<string, unknown>;
  const width = side(fields.width);
  const height = side(fields.height);
  const frameRate = finiteWithin(
    numberOf(fields.framerate ?? fields.fps),
    FRAME_RATE.min,
    FRAME_RATE.max,
    undefined,
  );
  const encoder = encoderName(fields.encoder);
  return {
    ...(width !== undefined && height !== undefined && width * height <= MAXIMUM_PIXELS && { width, height }),
    ...(frameRate !== undefined && { frameRate }),
    ...(encoder !== undefined && { encoder }),
    ...(fields.relayPath !== undefined && { relayPath: parseRelayPath(fields.relayPath) }),
    body,
  };
}

/** Sanitizes an encoder name: printable ASCII, at most 100 characters. */
export function encoderName(value: unknown): string | undefined {
  if (typeof value !== 'string') return undefined;
  return (
    value
      .replace(/[^\x20-\x7e]/g, '')
      .trim()
      .slice(0, 100) || undefined
  );
}

/** Accepts numbers in strings, as some encoders send them. */
function numberOf(value: unknown): number {
  return typeof value === 'number' || typeof value === 'string' ? Number(value) : Number.NaN;
}

/** Rounds to whole pixels, which name renditions. */
function side(value: unknown): number | undefined {
  return finiteWithin(Math.round(numberOf(value)), SIDE.min, SIDE.max, undefined);
}
