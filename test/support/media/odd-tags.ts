import amf from 'node-media-server/src/protocol/amf.js';
import type { FileTag } from './flv-file.js';
import { NAL, nalTypes, nalUnitsOf } from './h264-units.js';
import { withLength } from './parameter-sets.js';

/** Bytes of the header of a video tag's body. */
const VIDEO_HEAD_BYTES = 5;
const AUDIO_HEAD_BYTES = 2;
const START_CODE = Buffer.from([0, 0, 0, 1]);
/** Access unit delimiter for any slice type; SEI with unregistered user data of 20 bytes. */
export const DELIMITER = Buffer.from([9, 0xf0]);
export const SEI = Buffer.concat([Buffer.from([6, 5, 20]), Buffer.alloc(20, 0x55), Buffer.from([0x80])]);

/** Whether a tag has the decoder configuration of H.264 or AAC. */
export function isConfiguration({ kind, body }: FileTag): boolean {
  return kind !== 'script' && body[1] === 0;
}

/** Whether a tag has pictures of H.264; false for the end of the sequence, which ffmpeg writes. */
export function isPicture({ kind, body }: FileTag): boolean {
  return kind === 'video' && body[1] === 1;
}

/** NAL units of a picture tag. */
export function unitsOf(tag: FileTag): Buffer[] {
  return nalUnitsOf({ ...tag, header: false, keyframe: false });
}

/** Parameter sets of the decoder configuration among tags of H.264: one SPS and one PPS. */
export function setsOf(tags: readonly FileTag[]): Buffer[] {
  const { body } = tags.find((tag) => tag.kind === 'video' && isConfiguration(tag))!;
  const spsAt = VIDEO_HEAD_BYTES + 8;
  const spsEnd = spsAt + body.readUInt16BE(spsAt - 2);
  const ppsAt = spsEnd + 3;
  return [body.subarray(spsAt, spsEnd), body.subarray(ppsAt, ppsAt + body.readUInt16BE(ppsAt - 2))];
}

/** Makes a tag with the header of another and the given units. */
export function tagOf(tag: FileTag, units: readonly Buffer[]): FileTag {
  return {
    ...tag,
    body: Buffer.concat([tag.body.subarray(0, VIDEO_HEAD_BYTES), ...units.map(withLength)]),
  };
}

function mapPictures(tags: readonly FileTag[], map: (tag: FileTag) => FileTag[]): FileTag[] {
  return tags.flatMap((tag) => (isPicture(tag) ? map(tag) : [tag]));
}

const isKeyframe = (tag: FileTag): boolean => nalTypes(unitsOf(tag)).includes(NAL.idr);

/** Sends a delimiter and an SEI before each picture in a tag of their own. */
export function withSeiApart(tags: readonly FileTag[]): FileTag[] {
  return mapPictures(tags, (tag) => [tagOf(tag, [DELIMITER, SEI]), tag]);
}

/** Sends SPS, PPS and each IDR picture as three tags, of which only the first is labelled a keyframe. */
export function withSetsApart(tags: readonly FileTag[]): FileTag[] {
  const sets = setsOf(tags);
  return mapPictures(tags, (tag) => {
    if (!isKeyframe(tag)) return [tag];
    const [sps, pps] = sets.map((set) => tagOf(tag, [set]));
    return [sps!, pps!, labelled(tag, false)];
  });
}

/** Sends each slice as a tag of its own. */
export function withSlicesApart(tags: readonly FileTag[]): FileTag[] {
  return mapPictures(tags, (tag) => unitsOf(tag).map((unit) => tagOf(tag, [unit])));
}

/** Sends pairs of pictures in one tag, with the time of the second. Needs media without B-frames. */
export function withPairs(tags: readonly FileTag[]): FileTag[] {
  let first: FileTag | undefined;
  return mapPictures(tags, (tag) => {
    const held = first;
    first = held ? undefined : tag;
    return held ? [tagOf(tag, [...unitsOf(held), ...unitsOf(tag)])] : [];
  });
}

/** Writes start codes in place of lengths, and the configuration as units too. */
export function withStartCodes(tags: readonly FileTag[]): FileTag[] {
  const sets = setsOf(tags);
  return tags.map((tag) => {
    if (tag.kind !== 'video' || (!isConfiguration(tag) && !isPicture(tag))) return tag;
    const units = isPicture(tag) ? unitsOf(tag) : sets;
    const head = tag.body.subarray(0, VIDEO_HEAD_BYTES);
    return { ...tag, body: Buffer.concat([head, ...units.flatMap((unit) => [START_CODE, unit])]) };
  });
}

/** Labels a tag as a keyframe or not, in its header. */
export function labelled(tag: FileTag, keyframe: boolean): FileTag {
  const body = Buffer.from(tag.body);
  body[0] = (keyframe ? 0x10 : 0x20) | (body[0]! & 0x0f);
  return { ...tag, body };
}

/** Labels keyframes as other frames, and others as keyframes. */
export function withWrongLabels(tags: readonly FileTag[]): FileTag[] {
  return mapPictures(tags, (tag) => [labelled(tag, !isKeyframe(tag))]);
}

/** Adds to all composition times, ms. */
export function withCompositionShift(tags: readonly FileTag[], ms: number): FileTag[] {
  return mapPictures(tags, (tag) => {
    const body = Buffer.from(tag.body);
    body.writeIntBE(body.readIntBE(2, 3) + ms, 2, 3);
    return [{ ...tag, body }];
  });
}

/** Leaves out the configuration tags of a track. */
export function withoutConfiguration(tags: readonly FileTag[], kind: 'audio' | 'video'): FileTag[] {
  return tags.filter((tag) => tag.kind !== kind || !isConfiguration(tag));
}

/** Puts the parameter sets in front of each IDR picture, in the same tag, and leaves out the configuration tag. */
export function withSetsInBand(tags: readonly FileTag[]): FileTag[] {
  const sets = setsOf(tags);
  return mapPictures(withoutConfiguration(tags, 'video'), (tag) =>
    isKeyframe(tag) ? [tagOf(tag, [...sets, ...unitsOf(tag)])] : [tag],
  );
}

/** Replaces the metadata. */
export function withMetadata(tags: readonly FileTag[], values: Record<string, unknown>): FileTag[] {
  const body = amf.encodeAmf0Data({ cmd: 'onMetaData', dataObj: values });
  return [{ kind: 'script', timestamp: 0, body }, ...tags.filter(({ kind }) => kind !== 'script')];
}

/** Puts an ADTS header before each AAC frame, and leaves out the configuration tag. */
export function withAdts(tags: readonly FileTag[]): FileTag[] {
  const configuration = tags.find((tag) => tag.kind === 'audio' && isConfiguration(tag))!.body;
  const bits = configuration.readUInt16BE(AUDIO_HEAD_BYTES);
  const header = (bytes: number): Buffer => {
    const head = Buffer.from([0xff, 0xf1, 0, 0, 0, 0x1f, 0xfc]);
    head[2] = (((bits >> 11) - 1) << 6) | (((bits >> 7) & 0x0f) << 2) | ((bits >> 5) & 1);
    head[3] = (((bits >> 3) & 0x03) << 6) | (bytes >> 11);
    head[4] = (bytes >> 3) & 0xff;
    head[5] = ((bytes & 0x07) << 5) | 0x1f;
    return head;
  };
  return withoutConfiguration(tags, 'audio').map((tag) => {
    if (tag.kind !== 'audio') return tag;
    const frame = tag.body.subarray(AUDIO_HEAD_BYTES);
    const head = header(frame.length + 7);
    return { ...tag, body: Buffer.concat([tag.body.subarray(0, AUDIO_HEAD_BYTES), head, frame]) };
  });
}

/** Appends tags behind the last, and leaves out their metadata and the end of the sequence between them. */
export function appended(tags: readonly FileTag[], more: readonly FileTag[], atMs: number): FileTag[] {
  const isMedia = (tag: FileTag): boolean => tag.kind === 'audio' || isConfiguration(tag) || isPicture(tag);
  return [
    ...tags.filter((tag) => tag.kind === 'script' || isMedia(tag)),
    ...more.filter(isMedia).map((tag) => ({ ...tag, timestamp: tag.timestamp + atMs })),
  ];
}
