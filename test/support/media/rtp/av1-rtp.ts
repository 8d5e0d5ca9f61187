import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { Test } from 'tap';
import { run } from '../encoder.js';

/** OBU as an encoder wrote it, with its size field. */
export type Obu = { type: number; header: Buffer; payload: Buffer };

const TEMPORAL_DELIMITER = 2;

/** Options of AV1 media with a keyframe every ten frames. `flash`: the first tenth of a second is white. */
export type Av1MediaOptions = {
  width?: number;
  height?: number;
  frameCount?: number;
  tenBits?: boolean;
  flash?: boolean;
};

/** Encodes test video at 30 fps. @returns the file, an OBU stream (AV1 specification, section 5.2) */
export async function encodeAv1(t: Test, options: Av1MediaOptions = {}): Promise<string> {
  const { width = 320, height = 180, frameCount = 40, tenBits = false, flash = false } = options;
  const file = path.join(t.testdir(), 'media.obu');
  const white = flash ? ',drawbox=color=white:thickness=fill:enable=lt(t\\,0.1)' : '';
  await run('ffmpeg', [
    ...['-v', 'error', '-f', 'lavfi', '-i', `testsrc2=s=${width}x${height}:r=30${white}`],
    ...['-frames:v', String(frameCount), '-pix_fmt', tenBits ? 'yuv420p10le' : 'yuv420p'],
    ...['-c:v', 'libaom-av1', '-usage', 'realtime', '-cpu-used', '8', '-lag-in-frames', '0'],
    ...['-g', '10', '-b:v', '400k', '-f', 'obu', file],
  ]);
  return file;
}

/** Splits an OBU stream into temporal units without their delimiters. */
export function temporalUnits(file: string): Obu[][] {
  const bytes = readFileSync(file);
  const units: Obu[][] = [];
  for (let at = 0; at < bytes.length; ) {
    const first = bytes[at] ?? 0;
    const headerBytes = first & 4 ? 2 : 1;
    let size = 0;
    let next = at + headerBytes;
    for (let shift = 0, more = true; more; shift += 7, next++) {
      const byte = bytes[next] ?? 0;
      size += (byte & 127) * 2 ** shift;
      more = byte >= 128;
    }
    const obu: Obu = {
      type: (first >> 3) & 15,
      header: bytes.subarray(at, at + headerBytes),
      payload: bytes.subarray(next, next + size),
    };
    if (obu.type === TEMPORAL_DELIMITER) units.push([]);
    else units.at(-1)?.push(obu);
    at = next + size;
  }
  return units;
}

/** Encodes a number as leb128 (section 4.10.5). */
export function leb128Of(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  do {
    bytes.push((rest % 128) | (rest >= 128 ? 128 : 0));
    rest = Math.floor(rest / 128);
  } while (rest > 0);
  return Buffer.from(bytes);
}

/** Writes an OBU in the low-overhead format, or without its size as RTP prefers. */
export function obuBytes({ header, payload }: Obu, sized: boolean): Buffer {
  const head = Buffer.from(header);
  head[0] = sized ? (head[0] ?? 0) | 2 : (head[0] ?? 0) & ~2;
  return Buffer.concat(sized ? [head, leb128Of(payload.length), payload] : [head, payload]);
}

export type Packing = {
  /** Largest payload, bytes. */
  mtu: number;
  /** Sets the element count W in the aggregation header (up to three); the last element has no length. */
  counted?: boolean;
  /** Keeps the OBU size fields. */
  sized?: boolean;
  /** Sends the temporal delimiter too. */
  delimiter?: boolean;
};

type Element = { bytes: Buffer; continues: boolean; continued: boolean };

/** Packetizes a temporal unit ("RTP Payload Format For AV1", section 4) as browsers or simpler senders do. */
export function av1Payloads(unit: Obu[], { mtu, counted, sized, delimiter }: Packing): Buffer[] {
  const all = unit.map((obu) => obuBytes(obu, sized === true));
  if (delimiter) all.unshift(Buffer.of(TEMPORAL_DELIMITER << 3));
  const packets: Element[][] = [];
  let freeBytes = 0;
  for (const obu of all) {
    for (let at = 0; at < obu.length; ) {
      const last = packets.at(-1);
      // Two bytes of length and at least one byte of data.
      if (!last || freeBytes < 3 || (counted && last.length === 3)) {
        packets.push([]);
        freeBytes = mtu - 1;
        continue;
      }
      const take = Math.min(freeBytes - 2, obu.length - at);
      last.push({
        bytes: obu.subarray(at, at + take),
        continues: at > 0,
        continued: at + take < obu.length,
      });
      at += take;
      freeBytes -= take + 2;
    }
  }
  const isKey = unit.some(({ type }) => type === 1);
  return packets.map((elements, index) => {
    const header =
      (elements[0]?.continues ? 0x80 : 0) |
      (elements.at(-1)?.continued ? 0x40 : 0) |
      (counted ? elements.length << 4 : 0) |
      (isKey && index === 0 ? 0x08 : 0);
    const body = elements.flatMap(({ bytes }, i) =>
      counted && i === elements.length - 1 ? [bytes] : [leb128Of(bytes.length), bytes],
    );
    return Buffer.concat([Buffer.of(header), ...body]);
  });
}
