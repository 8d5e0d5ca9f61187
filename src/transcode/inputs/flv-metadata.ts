import type { FlvTag } from '../../media/index.js';

/** AMF 0 type markers (AMF 0 specification, 2.1). */
const AMF0 = { number: 0, string: 2, ecmaArray: 8, objectEnd: 9 } as const;

function name(text: string): Buffer {
  const bytes = Buffer.from(text, 'latin1');
  return Buffer.concat([Buffer.from([bytes.length >> 8, bytes.length & 0xff]), bytes]);
}

/**
 * Builds the `onMetaData` script tag (Adobe Flash Video File Format 10.1, annex E.5) with the frame rate. Without it
 * encoders would assume 1000 fps, the time base, for rate control and level. The publisher's own tag is untrusted and
 * not passed on.
 */
export function frameRateTag(frameRate: number, timestamp: number): FlvTag {
  const value = Buffer.alloc(9);
  value[0] = AMF0.number;
  value.writeDoubleBE(frameRate, 1);
  const body = Buffer.concat([
    Buffer.from([AMF0.string]),
    name('onMetaData'),
    Buffer.from([AMF0.ecmaArray, 0, 0, 0, 1]),
    name('framerate'),
    value,
    Buffer.from([0, 0, AMF0.objectEnd]),
  ]);
  return { kind: 'script', timestamp, body, header: false, keyframe: false };
}
