import {
  AV1_OBU,
  type Av1SequenceHeader,
  type FlvTag,
  readAv1ObuHeader,
  readAv1SequenceHeaderObu,
  readFlvVideoTag,
} from '../../media/index.js';

/** Bytes before the OBUs of an AV1CodecConfigurationRecord. */
const RECORD_HEAD = 4;
const MAIN_PROFILE = 0;

/** Returns the sequence header OBU of a decoder configuration; undefined when it has none. */
export function av1SequenceHeaderObu(header: FlvTag | undefined): Buffer | undefined {
  const tag = header && readFlvVideoTag(header.body);
  if (tag?.packet !== 'configuration' || tag.codec !== 'av1') return undefined;
  const obu = header!.body.subarray(tag.dataOffset + RECORD_HEAD);
  return readAv1ObuHeader(obu, 0, obu.length)?.type === AV1_OBU.sequenceHeader ? obu : undefined;
}

/** Whether every decoder of AV1 over WebRTC can play it: Main profile with 8 bits. */
export function isPlainAv1(header: FlvTag | undefined): boolean {
  const obu = av1SequenceHeaderObu(header);
  const sequence: Av1SequenceHeader | undefined = obu && readAv1SequenceHeaderObu(obu);
  return sequence?.profile === MAIN_PROFILE && sequence.bitDepth === 8 && !sequence.monochrome;
}
