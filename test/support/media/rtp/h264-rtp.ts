import { readFileSync } from 'node:fs';
import { testMedia } from '../encoder.js';
import { flvTags } from '../flv-file.js';
import { NAL, nalTypes } from '../h264-units.js';
import { isPicture, setsOf, unitsOf } from '../odd-tags.js';

/** NAL units of a loop of H.264: two seconds at 30 fps, with one IDR picture at its begin. */
export type H264Loop = { sets: Buffer[]; pictures: Buffer[][] };

const FRAMES = 60;
const STAP_A = 24;
const FU_A = 28;
const FU_START = 0x80;
const FU_END = 0x40;
/** nal_ref_idc, and F. */
const REFERENCE_BITS = 0xe0;
const MTU = 1_100;

/** Encodes the loop; the first tenth of each second is white. */
export async function encodeH264Loop({ size = '320x180', slices = 1 } = {}): Promise<H264Loop> {
  const options = { size, rate: '30', bitrate: '300k', bFrames: 0, x264Params: `slices=${slices}` };
  const tags = flvTags(readFileSync(await testMedia(4, options)));
  const pictures = tags.filter(isPicture).slice(0, FRAMES);
  const coded = (unit: Buffer): boolean => nalTypes([unit])[0]! <= NAL.idr;
  return { sets: setsOf(tags), pictures: pictures.map((tag) => unitsOf(tag).filter(coded)) };
}

/** Whether the units of a picture are IDR slices. */
export const isIdr = (units: readonly Buffer[]): boolean => nalTypes(units).includes(NAL.idr);

/** Aggregates units in one payload (RFC 6184, section 5.7.1). */
export function stapA(...units: Buffer[]): Buffer {
  const reference = Math.max(...units.map((unit) => unit[0]! & REFERENCE_BITS));
  const parts = units.flatMap((unit) => [Buffer.from([unit.length >> 8, unit.length & 0xff]), unit]);
  return Buffer.concat([Buffer.from([reference | STAP_A]), ...parts]);
}

/** Splits a unit into fragments (section 5.8) of at most `bytes`. */
export function fuA(unit: Buffer, bytes: number): Buffer[] {
  const payloads: Buffer[] = [];
  for (let at = 1; at < unit.length; at += bytes) {
    const start = at === 1 ? FU_START : 0;
    const end = at + bytes >= unit.length ? FU_END : 0;
    const head = Buffer.from([(unit[0]! & REFERENCE_BITS) | FU_A, start | end | (unit[0]! & 0x1f)]);
    payloads.push(Buffer.concat([head, unit.subarray(at, at + bytes)]));
  }
  return payloads;
}

/** Payloads of units, each alone where it fits a packet. */
export function singleUnits(units: readonly Buffer[]): Buffer[] {
  return units.flatMap((unit) => (unit.length <= MTU ? [unit] : fuA(unit, MTU)));
}
