import {
  type PictureState,
  type RtpHeader,
  type SenderReport,
  startsKeyframe,
} from '../../../media/index.js';
import type { Clock } from '../../../platform/index.js';
import type { Layer } from './layer.js';
import type { MediaSource } from './media-source.js';
import { NO_ORIENTATION } from './packet-ring.js';
import { PictureCadence } from './picture-cadence.js';
import { RtpReceiver } from './rtp-receiver.js';

export type PausedLayersOptions = {
  mediaSource: MediaSource;
  clock: Clock;
  /** Called when the picture is late, pauses, and has returned. */
  pictureChanged(state: PictureState): void;
};

/** Time before a pause at which the picture is late, ms: a slate is rendered meanwhile. */
const LATE_MS = 300;
/** Layers whose last packet is this much older than the newest video were not sent before the pause, ms. */
const SENT_WITHIN_MS = 2_500;
/** Time without video after which a slate is no longer expected, ms. */
const RENDERED_WITHIN_MS = 8_000;
/** Wait for the keyframe of a publisher that sends again, ms: some make none on request. */
const KEYFRAME_WITHIN_MS = 12_000;
/** Stream of a slate in one layer. Its first report precedes its first packet. */
type Slate = {
  receiver: RtpReceiver | undefined;
  report: SenderReport | undefined;
  /** Arrival of the publisher's first packet since the slate began, monotonic ms. */
  resumedAt: number | undefined;
};

/**
 * Finds pauses of a publisher's picture. A slate may then be written to its layers: it continues their sequence numbers
 * and timestamps, and each layer is the publisher's again from its next keyframe on.
 */
export class PausedLayers {
  readonly #mediaSource: MediaSource;
  readonly #clock: Clock;
  readonly #pictureChanged: (state: PictureState) => void;
  readonly #cadence = new PictureCadence();
  #state: PictureState = 'flowing';
  /** Layers that show the slate. */
  readonly #slates = new Map<Layer, Slate>();
  /** Writer of the slate, and its last sender report. */
  #writer: object | undefined;
  #report: SenderReport | undefined;

  constructor({ mediaSource, clock, pictureChanged }: PausedLayersOptions) {
    this.#mediaSource = mediaSource;
    this.#clock = clock;
    this.#pictureChanged = pictureChanged;
  }

  /** Whether viewers see a slate. */
  get isSlateShown(): boolean {
    return this.#isPaused && this.#slates.size > 0;
  }

  /** Whether viewers see a slate, or will: its writer has come, and renders it. */
  get isSlateExpected(): boolean {
    if (!this.#isPaused) return false;
    if (this.#slates.size > 0) return true;
    return this.#writer !== undefined && this.#clock.monotonic() - this.lastVideoAt < RENDERED_WITHIN_MS;
  }

  /** Arrival of the publisher's last video packet, monotonic ms; before the first: negative infinity. */
  get lastVideoAt(): number {
    return this.#cadence.lastAt ?? Number.NEGATIVE_INFINITY;
  }

  /**
   * Takes a video packet of the publisher before its layer does.
   *
   * @returns whether the layer shall have it, and whether it is the first one after a slate
   */
  accept(layer: Layer, packet: Buffer, header: RtpHeader, at: number): 'continue' | 'return' | 'drop' {
    this.#cadence.packetArrived(header.timestamp, at);
    const slate = this.#slates.get(layer);
    if (!slate) {
      this.#setState('flowing');
      return 'continue';
    }
    slate.resumedAt ??= at;
    const isKeyframe = startsKeyframe(layer.codec!, packet, header.payloadOffset, header.payloadEnd);
    if (!isKeyframe && at - slate.resumedAt < KEYFRAME_WITHIN_MS) {
      layer.requestKeyframe();
      return 'drop';
    }
    this.#slates.delete(layer);
    this.#setState('flowing');
    return 'return';
  }

  /** The publisher says that it sends a screen. */
  noteScreen(): void {
    this.#cadence.noteScreen();
  }

  /** Finds a pause; to be called every few ms. */
  check(): void {
    if (this.#isPaused || this.#cadence.lastAt === undefined) return;
    if (this.#mediaSource.layers.every(({ hasRandomAccess }) => !hasRandomAccess)) return;
    const { audio } = this.#mediaSource;
    const isSent = audio !== undefined && audio.head >= 0;
    const pauseMs = this.#cadence.pauseAfterMs(isSent ? audio.meter.lastAt : undefined);
    const quietMs = this.#clock.monotonic() - this.#cadence.lastAt;
    this.#setState(quietMs >= pauseMs ? 'paused' : quietMs >= pauseMs - LATE_MS ? 'late' : 'flowing');
  }

  /** Begins a slate, in place of an earlier one. @returns false when the picture does not pause */
  beginSlate(writer: object): boolean {
    if (!this.#isPaused) return false;
    this.#writer = writer;
    this.#report = undefined;
    return true;
  }

  /** Ends the slate of this writer: a layer that has shown it waits for the publisher's keyframe. */
  endSlate(writer: object): void {
    if (this.#writer === writer) this.#writer = undefined;
  }

  /** Writes a packet of the slate to the layers that were sent before the pause. */
  writeSlate(writer: object, packet: Buffer, header: RtpHeader, at: number): void {
    if (this.#writer !== writer || !this.#isPaused) return;
    for (const layer of this.#slateLayers()) {
      const slate = this.#slates.get(layer) ?? {
        receiver: undefined,
        report: this.#report,
        resumedAt: undefined,
      };
      this.#slates.set(layer, slate);
      if (slate.receiver?.ssrc !== header.ssrc)
        slate.receiver = new RtpReceiver({
          ...{ layer, ssrc: header.ssrc, clock: this.#clock, nack: false },
          streamStarted: () => slate.report && applyReport(slate, slate.report),
        });
      // Each layer owns its packets: headers are written into them.
      slate.receiver.acceptPacket(Buffer.from(packet), header, NO_ORIENTATION, at);
    }
  }

  /** Takes a sender report of the slate, which has this machine's clock. */
  reportSlate(report: SenderReport): void {
    this.#report = report;
    for (const slate of this.#slates.values()) {
      slate.report = report;
      if (slate.receiver?.ssrc === report.ssrc && slate.receiver.started) applyReport(slate, report);
    }
  }

  /** Layers that show the slate, or shall. */
  #slateLayers(): Layer[] {
    const sentSince = this.lastVideoAt - SENT_WITHIN_MS;
    return this.#mediaSource.layers.filter(
      (layer) => this.#slates.has(layer) || (layer.head >= 0 && layer.meter.lastAt >= sentSince),
    );
  }

  get #isPaused(): boolean {
    return this.#state === 'paused';
  }

  #setState(state: PictureState): void {
    if (this.#state === state) return;
    this.#state = state;
    if (state === 'paused') for (const layer of this.#mediaSource.layers) layer.sourcePaused();
    this.#pictureChanged(state);
  }
}

function applyReport({ receiver }: Slate, report: SenderReport): void {
  const moment = receiver?.noteSenderReport(report);
  if (moment) receiver!.layer.applyReport(moment.time, moment.timestamp);
}
