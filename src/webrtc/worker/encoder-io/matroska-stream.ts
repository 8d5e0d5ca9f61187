import {
  type Av1Unit,
  av1Configuration,
  MatroskaWriter,
  opusHead,
  readAv1SequenceHeaderObu,
} from '../../../media/index.js';

const TRACK = { video: 1, audio: 2 } as const;
const CHANNELS = 2;

export type MatroskaStreamOptions = {
  /** Unix ms that is 0 in the stream. */
  zero: number;
  audio: boolean;
  /** Sends: a head, and what follows it. */
  write(head: Buffer, body?: Buffer): void;
  /** Whether what was written before waits and there is room for no more. */
  isFull(): boolean;
};

/**
 * Writes pictures of AV1 and the sound of Opus as one live Matroska stream, with the times of this machine's clock.
 *
 * It begins with a keyframe. What led there from an earlier keyframe, and is only needed to decode it, is put at that
 * moment too: nothing is shown twice to those who saw it, and nobody is shown the past.
 *
 * When the reader is slow, sound is left out as long as there is no room, and pictures until the next keyframe.
 */
export class MatroskaStream {
  readonly #options: MatroskaStreamOptions;
  #writer: MatroskaWriter | undefined;
  /** Unix ms at which the stream begins, and the one that is 0 in it. */
  #start = 0;
  #zero = 0;
  #dropsVideo = false;

  constructor(options: MatroskaStreamOptions) {
    this.#options = options;
  }

  /**
   * A picture.
   *
   * @param time Unix ms at which it was made
   * @param latest the same of the last picture that has already come
   * @returns false when it was left out and the next keyframe is needed
   */
  writeVideo(unit: Av1Unit, time: number, latest: number): boolean {
    if (this.#options.isFull()) this.#dropsVideo = true;
    else if (unit.keyframe) this.#dropsVideo = false;
    if (this.#dropsVideo || !(this.#writer ?? this.#writeHeader(unit, Math.max(time, latest)))) return false;
    this.#writeFrame(TRACK.video, Math.max(time, this.#start), unit.keyframe, unit.data);
    return true;
  }

  /** A packet of Opus that sounds at this time (Unix ms). Before the first picture there is no use for it. */
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
              channels: CHANNELS,
            },
          ]
        : []),
    ]);
    this.#start = start;
    // Times are never negative, whatever the sender's reports say.
    this.#zero = Math.min(this.#options.zero, start);
    this.#options.write(this.#writer.header());
    return true;
  }

  #writeFrame(track: number, time: number, keyframe: boolean, data: Buffer): void {
    const head = this.#writer!.frame(track, time - this.#zero, keyframe, data.length);
    this.#options.write(head, data);
  }
}
