import { createPackager, type Packager, type PackagerOptions } from '../../../src/packager/index.js';
import { createLog } from '../../../src/platform/index.js';
import { EncoderRunPipe } from '../../../src/streams/broadcast/encoder-run-pipe.js';
import {
  type Broadcast,
  type BroadcastEnd,
  type BroadcastSubscription,
  type EncoderRunReader,
  HlsDemand,
  type Rendition,
  type SlateReason,
} from '../../../src/streams/index.js';
import { FakeClock } from '../fakes/fake-clock.js';
import type { LadderChunk } from '../media/cmaf-ladder.js';

export type PackagedOptions = Partial<PackagerOptions> & {
  resumed?: boolean;
  startedAt?: number;
  /** Seconds between the source's keyframes, as ingest would have measured it. */
  keyframeInterval?: number;
  clock?: FakeClock;
};

/** Broadcast with the packager as its only subscriber, on a clock that the media advance. */
export class PackagedBroadcast implements Broadcast {
  readonly id: string;
  readonly streamId = 'stream-1';
  readonly startedAt: number;
  readonly resumed: boolean;
  readonly source: Broadcast['source'];
  readonly clock: FakeClock;
  readonly hlsDemand: HlsDemand;
  readonly packager: Packager;
  playableCalls = 0;
  readonly #subscription: BroadcastSubscription;

  constructor(options: PackagedOptions = {}, id = 'broadcast-1', packager?: Packager) {
    this.id = id;
    this.clock = options.clock ?? new FakeClock();
    this.hlsDemand = new HlsDemand(this.clock);
    this.startedAt = options.startedAt ?? this.clock.now();
    this.resumed = options.resumed ?? false;
    this.source =
      options.keyframeInterval === undefined
        ? undefined
        : { protocol: 'rtmp', video: { codec: 'h264', keyframeInterval: options.keyframeInterval } };
    this.packager = packager ?? createPackager({ clock: this.clock, log: createLog('silent'), ...options });
    this.#subscription = this.packager.subscribe(this);
  }

  notice(): void {}

  encodeForWebrtc(): undefined {}

  async renderWebrtcSlate(): Promise<undefined> {}

  async openRun(): Promise<never> {
    throw new Error('the packager opens no runs');
  }

  playable(): void {
    this.playableCalls++;
  }

  fail(): void {}

  /** Starts an encoder run. @returns its writer */
  startRun(
    index: number,
    renditions: Rendition[],
    originMs = this.clock.now() - 10_000,
    slate?: SlateReason,
  ): EncoderRunPipe {
    const run = new EncoderRunPipe(index, { renditions, originMs, slate });
    this.#subscription.encoderRunStarted?.(run);
    return run;
  }

  /** Writes chunks and advances the clock to their times; calls `afterEach` after every one. */
  async writeChunks(
    reader: EncoderRunReader,
    chunks: LadderChunk[],
    afterEach: (chunk: LadderChunk) => void | Promise<void> = () => {},
  ): Promise<void> {
    let time = chunks.find((chunk) => chunk.timeS > 0)?.timeS ?? 0;
    for (const chunk of chunks) {
      if (chunk.timeS > time) {
        await this.clock.advance((chunk.timeS - time) * 1000);
        time = chunk.timeS;
      }
      reader.write(chunk.rendition, chunk.bytes);
      await afterEach(chunk);
    }
  }

  endBroadcast(reason: BroadcastEnd): Promise<void> {
    return this.#subscription.broadcastEnded(reason);
  }

  /** Reads a media playlist. */
  playlist(rendition: string, delta = false): string {
    const bytes = this.packager
      .findPresentation(this.streamId, this.id)
      ?.rendition(rendition)
      ?.playlist(delta);
    if (!bytes) throw new Error(`${rendition} has no playlist`);
    return bytes.toString();
  }

  multivariant(): string | undefined {
    return this.packager.findPresentation(this.streamId)?.multivariantPlaylist()?.toString();
  }
}
