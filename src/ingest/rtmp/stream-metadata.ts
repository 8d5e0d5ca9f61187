import { amf } from './node-media-server.js';

/** What an encoder announces in `onMetaData` (Flash Video File Format 10.1, annex E.5), as far as it is used. */
export type StreamMetadata = {
  width?: number;
  height?: number;
  frameRate?: number;
  encoder?: string;
  /** The tag's body for an FLV reader: `onMetaData` and what follows, without RTMP's `@setDataFrame`. */
  body: Buffer;
};

/** AMF0: a string marker, two bytes of length, `@setDataFrame`. */
const SET_DATA_FRAME = amf.amf0EncodeOne('@setDataFrame');
const ON_META_DATA = amf.amf0EncodeOne('onMetaData');
const MAXIMUM_SIDE = 16_384;
const MAXIMUM_FRAME_RATE = 300;

/** Reads an AMF0 data message. Gives undefined for what is not metadata or cannot be read: it is then not needed. */
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
  const width = numberUpTo(fields.width, MAXIMUM_SIDE);
  const height = numberUpTo(fields.height, MAXIMUM_SIDE);
  const frameRate = numberUpTo(fields.framerate ?? fields.fps, MAXIMUM_FRAME_RATE);
  const encoder = encoderName(fields.encoder);
  return {
    ...(width !== undefined && height !== undefined && { width, height }),
    ...(frameRate !== undefined && { frameRate }),
    ...(encoder !== undefined && { encoder }),
    body,
  };
}

/** An encoder's own name, made fit to be shown: printable, at most 100 characters. */
export function encoderName(value: unknown): string | undefined {
  if (typeof value !== 'string') return undefined;
  return (
    value
      .replace(/[^\x20-\x7e]/g, '')
      .trim()
      .slice(0, 100) || undefined
  );
}

function numberUpTo(value: unknown, maximum: number): number | undefined {
  const number = Number(value);
  return typeof value !== 'boolean' && number > 0 && number <= maximum ? number : undefined;
}
