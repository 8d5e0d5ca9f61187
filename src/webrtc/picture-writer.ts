import { randomInt } from 'node:crypto';
import net from 'node:net';
import {
  type CodedPicture,
  FramePacketiser,
  framePacket,
  H264Packetiser,
  HevcPacketiser,
  isH264Keyframe,
  isHevcKeyframe,
  isKeyFrame,
  type PictureSink,
  senderReport,
} from '../media/index.js';
import type { RtcVideoCodec } from './media-plan.js';
import { LOOPBACK_PAYLOAD_TYPES } from './pool-types.js';

/** Backlog above which pictures are dropped until the next keyframe, bytes: about what the worker keeps of a stream. */
const MAXIMUM_BACKLOG_BYTES = 4 << 20;
const TICKS_PER_MS = 90;
const CNAME = 'headend';

/**
 * Packetises pictures and writes them to a worker over a Unix socket, which loses none and keeps their order. A
 * worker that does not read gets no further pictures until the next keyframe.
 */
export class PictureWriter implements PictureSink {
  readonly #socket: net.Socket;
  readonly #codec: RtcVideoCodec;
  #packetiser: H264Packetiser | HevcPacketiser | FramePacketiser | undefined;
  #originMs = 0;
  #firstTimestamp = 0;
  #dropsPictures = true;

  /** @param path Unix socket of the worker */
  constructor(path: string, codec: RtcVideoCodec) {
    this.#codec = codec;
    this.#socket = net.connect(path);
    // The pool closes the inputs of a worker that has died.
    this.#socket.on('error', () => {});
  }

  beginStream(parameterSets: readonly Buffer[], originMs: number): void {
    const { video: payloadType } = LOOPBACK_PAYLOAD_TYPES;
    const stream = { ssrc: randomInt(1, 2 ** 32), payloadType, sequence: randomInt(2 ** 15) };
    if (this.#codec === 'h264' || this.#codec === 'hevc') {
      this.#packetiser = this.#codec === 'h264' ? new H264Packetiser(stream) : new HevcPacketiser(stream);
      this.#packetiser.configure(parameterSets);
    } else this.#packetiser = new FramePacketiser({ ...stream, codec: this.#codec });
    this.#originMs = originMs;
    this.#firstTimestamp = randomInt(2 ** 32);
    this.#dropsPictures = true;
  }

  writePicture({ data, offset, timeMs }: CodedPicture): boolean {
    const packetiser = this.#packetiser;
    if (!packetiser || this.#socket.destroyed) return false;
    const codec = this.#codec;
    const keyframe = isRandomAccess(codec, data, offset);
    if (this.#socket.writableLength > MAXIMUM_BACKLOG_BYTES) this.#dropsPictures = true;
    else if (keyframe) this.#dropsPictures = false;
    if (this.#dropsPictures) return false;
    const timestamp = (this.#firstTimestamp + Math.round(timeMs * TICKS_PER_MS)) >>> 0;
    const packets = packetiser.packetise({ data, offset, timestamp });
    if (!packets) return false;
    this.#socket.cork();
    if (keyframe) this.#socket.write(framePacket(this.#report(packetiser, timeMs, timestamp)));
    this.#socket.write(packets);
    this.#socket.uncork();
    return true;
  }

  /** Idempotent. */
  close(): void {
    this.#packetiser = undefined;
    this.#socket.destroySoon();
  }

  #report(
    { ssrc, packets, payloadBytes }: Pick<FramePacketiser, 'ssrc' | 'packets' | 'payloadBytes'>,
    timeMs: number,
    timestamp: number,
  ): Buffer {
    const time = this.#originMs + timeMs;
    return senderReport({ ssrc, time, timestamp, packets, bytes: payloadBytes, cname: CNAME });
  }
}

function isRandomAccess(codec: RtcVideoCodec, data: Buffer, offset: number): boolean {
  if (codec === 'h264') return isH264Keyframe(data, offset);
  return codec === 'hevc' ? isHevcKeyframe(data, offset) : isKeyFrame(codec, data, offset);
}
