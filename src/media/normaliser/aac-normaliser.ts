import { readAacConfiguration } from '../aac/aac-configuration.js';
import { AAC_FRAME_SAMPLES } from '../aac/aac-silence.js';
import { isAdts, readAdts } from './adts.js';

/** Receives AAC in the order of time. Bodies begin with the two bytes of an FLV tag header. */
export type AacSink = {
  configuration(body: Buffer): void;
  /** @param time timestamp of the encoder, ms */
  frame(body: Buffer, time: number): void;
};

/** Frames of one tag, at most. */
const MAXIMUM_FRAMES = 64;
const TAG_HEAD_BYTES = 2;
const CONFIGURATION_HEAD = Buffer.from([0xaf, 0]);

/** Makes raw AAC frames and their configuration from the tags of an encoder, with or without ADTS headers. */
export class AacNormaliser {
  readonly #sink: AacSink;
  #configuration: Buffer | undefined;
  /** Configuration of the last ADTS header, if it differs: a second header must confirm it. */
  #unconfirmed: Buffer | undefined;
  dropped = 0;

  constructor(sink: AacSink) {
    this.#sink = sink;
  }

  /** Whether frames can be decoded. */
  get configured(): boolean {
    return this.#configuration !== undefined;
  }

  /** Handles an AACPacketType 0: an AudioSpecificConfig. */
  configure(body: Buffer): void {
    const config = body.subarray(TAG_HEAD_BYTES);
    const adts = isAdts(config, 0) ? readAdts(padded(config), 0) : undefined;
    if (adts) this.#configureWith(adts.configuration);
    else if (readAacConfiguration(config)) this.#configureWith(config, body);
    else this.dropped++;
  }

  /** Handles an AACPacketType 1: a raw frame, or ADTS frames. */
  push(body: Buffer, time: number): void {
    if (!isAdts(body, TAG_HEAD_BYTES)) {
      if (this.#configuration) this.#sink.frame(body, time);
      return;
    }
    let count = 0;
    for (let at = TAG_HEAD_BYTES; at < body.length; count++) {
      const header = readAdts(body, at);
      // Frames of several blocks have no length for each of them.
      if (!header || header.blocks > 1 || count === MAXIMUM_FRAMES) {
        this.dropped++;
        return;
      }
      const end = at + header.frameBytes;
      if (this.#confirm(header.configuration))
        this.#sink.frame(
          rawFrame(body, at + header.headerBytes, end),
          (time + this.#durationMs(count)) >>> 0,
        );
      at = end;
    }
  }

  /** @returns whether frames with this header can be decoded with the current configuration */
  #confirm(configuration: Buffer): boolean {
    const current = this.#configuration;
    if (current && isSameFormat(current, configuration)) {
      this.#unconfirmed = undefined;
      return true;
    }
    if (current && !this.#unconfirmed?.equals(configuration)) {
      this.#unconfirmed = configuration;
      this.dropped++;
      return false;
    }
    this.#configureWith(configuration);
    return true;
  }

  #configureWith(config: Buffer, body: Buffer = Buffer.concat([CONFIGURATION_HEAD, config])): void {
    this.#unconfirmed = undefined;
    if (this.#configuration?.equals(config)) return;
    this.#configuration = config;
    this.#sink.configuration(body);
  }

  #durationMs(frames: number): number {
    const { sampleRate } = readAacConfiguration(this.#configuration!)!;
    return Math.round((frames * AAC_FRAME_SAMPLES * 1_000) / sampleRate);
  }
}

/** ADTS cannot signal SBR: it has the core's sample rate, in the first two bytes of a configuration too. */
function isSameFormat(current: Buffer, adts: Buffer): boolean {
  if (current.equals(adts)) return true;
  const [mine, other] = [current, adts].map((config) => ((config[0]! << 8) | config[1]!) & 0x07f8);
  return mine === other;
}

/** Writes a tag header in front of a frame, over its ADTS header. */
function rawFrame(body: Buffer, start: number, end: number): Buffer {
  const frame = body.subarray(start - TAG_HEAD_BYTES, end);
  frame[0] = CONFIGURATION_HEAD[0]!;
  frame[1] = 1;
  return frame;
}

/** Extends bytes to the length that an ADTS header in them announces, to read the header alone. */
function padded(bytes: Buffer): Buffer {
  return Buffer.concat([bytes, Buffer.alloc(0x2000)]);
}
