/** Fields of a packet; omitted ones have defaults. */
export type PacketFields = {
  payloadType: number;
  sequence: number;
  timestamp: number;
  ssrc: number;
  marker?: boolean;
  payload?: Uint8Array;
  /** Header extension elements of the one-byte form. */
  extensions?: { id: number; value: Uint8Array }[];
  padding?: number;
};

/** Writes an RTP packet. */
export function rtpPacket(fields: PacketFields): Buffer {
  const elements = (fields.extensions ?? []).map(({ id, value }) =>
    Buffer.concat([Buffer.from([(id << 4) | (value.length - 1)]), value]),
  );
  const body = Buffer.concat(elements);
  const extension = Buffer.alloc(body.length > 0 ? 4 + Math.ceil(body.length / 4) * 4 : 0);
  if (extension.length > 0) {
    extension.writeUInt16BE(0xbede, 0);
    extension.writeUInt16BE((extension.length - 4) / 4, 2);
    body.copy(extension, 4);
  }
  const header = Buffer.alloc(12);
  header[0] = 0x80 | (extension.length > 0 ? 0x10 : 0) | (fields.padding ? 0x20 : 0);
  header[1] = (fields.marker ? 0x80 : 0) | fields.payloadType;
  header.writeUInt16BE(fields.sequence & 0xffff, 2);
  header.writeUInt32BE(fields.timestamp >>> 0, 4);
  header.writeUInt32BE(fields.ssrc, 8);
  const padding = Buffer.alloc(fields.padding ?? 0);
  if (padding.length > 0) padding[padding.length - 1] = padding.length;
  return Buffer.concat([header, extension, fields.payload ?? Buffer.alloc(0), padding]);
}

/** An H.264 SPS of 640x360, baseline. */
export const SPS_640X360 = Buffer.from('6742c01ed900a02ff9610000030001000003003c8f162e48', 'hex');

/** Payloads of a frame: slices filled with `fill`, after an SPS for a keyframe. */
export function h264Payloads(keyframe: boolean, slices: number, bytes = 200, fill = 0x55): Buffer[] {
  const slice = (): Buffer => {
    const payload = Buffer.alloc(bytes, fill);
    payload[0] = keyframe ? 0x65 : 0x41;
    return payload;
  };
  return [...(keyframe ? [SPS_640X360] : []), ...Array.from({ length: slices }, slice)];
}

export type FrameStreamOptions = {
  payloadType: number;
  ssrc: number;
  sequence?: number;
  timestamp?: number;
};

/** Generates numbered packets of a video stream. */
export class FrameStream {
  sequence: number;
  timestamp: number;
  readonly #payloadType: number;
  readonly #ssrc: number;

  constructor(options: FrameStreamOptions) {
    this.#payloadType = options.payloadType;
    this.#ssrc = options.ssrc;
    this.sequence = options.sequence ?? 100;
    this.timestamp = options.timestamp ?? 5000;
  }

  /** Creates the packets of the next frame. */
  nextFrame(keyframe: boolean, slices = 2, extensions?: PacketFields['extensions'], bytes = 200): Buffer[] {
    const payloads = h264Payloads(keyframe, slices, bytes);
    const packets = payloads.map((payload, i) =>
      rtpPacket({
        payloadType: this.#payloadType,
        ssrc: this.#ssrc,
        sequence: this.sequence++,
        timestamp: this.timestamp,
        marker: i === payloads.length - 1,
        payload,
        ...(extensions ? { extensions } : {}),
      }),
    );
    this.timestamp += 3000;
    return packets;
  }
}
