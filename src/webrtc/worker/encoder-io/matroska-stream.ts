import {
  type Av1Unit,
  av1Configuration,
  MatroskaWriter,
  OPUS_RATE,
  opusHead,
  readAv1SequenceHeaderObu,
} from '../../../media/index.js';

const TRACK = { video: 1, audio: 2 } as const;
const CHANNELS = 2;

export type MatroskaStreamOptions = {
  /** Unix ms of timestamp 0 in the stream. */
  zero: number;
  audio: boolean;
  /** Sends a head and an optional body. */
  write(head: Buffer, body?: Buffer): void;
  /** Whether the reader's backlog is at its limit. */
  isFull(): boolean;
};

/**
 * Writes AV1 video and Opus audio as a live Matroska stream on this machine's clock.
 *
 * Starts with a keyframe. Frames between an earlier keyframe and the start are needed for decoding only and get the
 * start's timestamp, so that no time before it is shown.
 *
 * When the reader is slow, audio is dropped while the backlog is full, and video until the next keyframe.
 */
export class MatroskaStream {
  readonly #options: MatroskaStreamOptions;
  #writer: MatroskaWriter | undefined;
  /** Start of the stream and its timestamp 0, Unix ms. */
  #start = 0;
  #zero = 0;
  #dropsVideo = false;

  constructor(options: MatroskaStreamOptions) {
    this.#options = options;
  }

  /**
   * Writes a temporal unit.
   *
   * @param time capture time, Unix ms.
   * @param latest capture time of the newest received unit, Unix ms.
   * @returns false when it was dropped and a keyframe is needed
   */
  writeVideo(unit: Av1Unit, time: number, latest: number): boolean {
    if (this.#options.isFull()) this.#dropsVideo = true;
    else if (unit.keyframe) this.#dropsVideo = false;
    if (this.#dropsVideo || !(this.#writer ?? this.#writeHeader(unit, Math.max(time, latest)))) return false;
    this.#writeFrame(TRACK.video, Math.max(time, this.#start), unit.keyframe, unit.data);
    return true;
  }

  /** Writes an Opus packet with its time, Unix ms; dropped before the first video frame. */
  writeAudio(packet: Buffer, time: number): void {
    if (!this.#writer || time < this.#start || this.#options.isFull()) return;
    this.#writeFrame(TRACK.audio, time, true, packet);
  }

  #writeHeader(unit: Av1Unit, start: number): boolean {
    const { sequenceHeader: obu } = unit;
    const header = obu && readAv1SequenceHeaderObu(obu);
    if (!obu || !header) return false;
    const { width, height } = header;
    const codecPrivate = av1Configuration(header, obu);
    this.#writer = new MatroskaWriter([
      { kind: 'video', number: TRACK.video, codecId: 'V_AV1', codecPrivate, width, height },
      ...(this.#options.audio
        ? [
            {
              kind: 'audio' as const,
              number: TRACK.audio,
              codecId: 'A_OPUS',
              codecPrivate: opusHead(CHANNELS),
              sampleRate: OPUS_RATE,
              channels: CHANNELS,
            },
          ]
        : []),
    ]);
    this.#start = start;
    // Timestamps are never negative, whatever the sender reports say.
    this.#zero = Math.min(this.#options.zero, start);
    this.#options.write(this.#writer.header());
    return true;
  }

  #writeFrame(track: number, time: number, keyframe: boolean, data: Buffer): void {
    const head = this.#writer!.frame(track, time - this.#zero, keyframe, data.length);
    this.#options.write(head, data);
  }
}
