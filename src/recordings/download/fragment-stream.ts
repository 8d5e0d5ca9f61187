import { HeadendError } from '../../platform/index.js';

const BOX_HEADER_SIZE = 8;
/** Longest moof box: the packager writes some hundred bytes. */
const MAXIMUM_MOOF_BYTES = 2 ** 20;

/** Changed fragment: its moof box, and bytes that precede its samples. */
export type ChangedFragment = { moof: Buffer; added: Buffer };

/**
 * Passes movie fragments on as `change` changes them. Keeps at most one moof box and one chunk in memory.
 *
 * @throws HeadendError `recording_damaged` for other content, and when it ends within a fragment
 */
export async function* changeFragments(
  chunks: AsyncIterable<Buffer>,
  change: (moof: Buffer, index: number) => ChangedFragment,
): AsyncGenerator<Buffer> {
  let pending: Buffer = Buffer.alloc(0);
  /** Bytes of the current mdat box that are still to come. */
  let dataBytes = 0;
  let index = 0;
  for await (const chunk of chunks) {
    let rest = chunk;
    while (rest.length > 0) {
      if (dataBytes > 0) {
        const data = rest.subarray(0, dataBytes);
        dataBytes -= data.length;
        rest = rest.subarray(data.length);
        yield data;
        continue;
      }
      pending = pending.length === 0 ? rest : Buffer.concat([pending, rest]);
      const moofBytes = headOf(pending, 0, 'moof');
      if (moofBytes > MAXIMUM_MOOF_BYTES) throw damaged();
      const mdatBytes = moofBytes === 0 ? 0 : headOf(pending, moofBytes, 'mdat');
      if (mdatBytes === 0) break;
      const { moof, added } = change(pending.subarray(0, moofBytes), index++);
      const mdat = Buffer.from(pending.subarray(moofBytes, moofBytes + BOX_HEADER_SIZE));
      mdat.writeUInt32BE(mdatBytes + added.length);
      yield Buffer.concat([moof, mdat, added]);
      rest = pending.subarray(moofBytes + BOX_HEADER_SIZE);
      dataBytes = mdatBytes - BOX_HEADER_SIZE;
      pending = Buffer.alloc(0);
    }
  }
  if (pending.length > 0 || dataBytes > 0) throw damaged();
}

/** Reads the size of a box. @returns 0 if more bytes are needed @throws for a box of another type */
function headOf(bytes: Buffer, at: number, type: string): number {
  if (bytes.length < at + BOX_HEADER_SIZE) return 0;
  const sizeBytes = bytes.readUInt32BE(at);
  if (sizeBytes < BOX_HEADER_SIZE || bytes.toString('latin1', at + 4, at + 8) !== type) throw damaged();
  return sizeBytes;
}

function damaged(): HeadendError {
  return new HeadendError('recording_damaged', 'A file of the recording is not what was recorded.');
}
