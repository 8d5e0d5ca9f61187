import type { SourceInfo, VideoCodec } from '../media/index.js';
import type { Clock, Logger } from '../platform/index.js';
import type { Broadcast, BroadcastSubscription, EncoderRun, Source } from '../streams/index.js';
import { EncodedMedia } from './encoded-media.js';
import { MediaFeed } from './media-feed.js';
import { Output } from './output.js';
import { Presence } from './presence.js';
import type { OutputStatus, TargetProtocol, TargetSecret } from './restream-target.js';
import type { TargetConnection } from './target-connection.js';

/** Enabled target of the broadcast, decrypted. */
export type OpenTarget = {
  id: string;
  protocol: TargetProtocol;
  /** Undefined if it was encrypted with another key. */
  secret: TargetSecret | undefined;
  /** Changes with the settings of the target. */
  version: string;
};

export type RestreamHost = {
  connect(target: OpenTarget, source: RestreamSource, signal: AbortSignal): Promise<TargetConnection>;
  /** Called when the state of an output has changed. Must not throw. */
  onState(targetId: string, streamId: string): void;
  clock: Clock;
  log: Logger;
};

/** Facts of the broadcast that a connection needs. */
export type RestreamSource = {
  streamId: string;
  /** Gateways that the current publication has passed before this one. */
  relayPath: readonly string[];
  /** Description of the current publication, as far as known. */
  info(): SourceInfo | undefined;
};

/** Sends one broadcast to its targets. */
export class BroadcastRestream implements BroadcastSubscription {
  readonly streamId: string;
  readonly #host: RestreamHost;
  readonly #log: Logger;
  readonly #feed: MediaFeed;
  readonly #outputs = new Map<string, { version: string; protocol: TargetProtocol; output: Output }>();
  /** Active from the start of a publication's media to its end. */
  readonly #publishing = new Presence();
  readonly #demand: Broadcast['hlsDemand'];
  #source: Source | undefined;
  /** The source is H.264 and AAC, and sent as it is. */
  #isPassedThrough = true;
  #encoded: EncodedMedia | undefined;
  /** Video codec of the source when it was last looked at. */
  #codec: VideoCodec | undefined;
  #releaseDemand: (() => void) | undefined;
  #isOver = false;

  constructor(broadcast: Broadcast, host: RestreamHost) {
    this.streamId = broadcast.streamId;
    this.#host = host;
    this.#log = host.log.child({ streamId: broadcast.streamId, broadcastId: broadcast.id });
    this.#feed = new MediaFeed(broadcast.startedAt);
    this.#demand = broadcast.hlsDemand;
  }

  /** Number of targets that are served. */
  get size(): number {
    return this.#outputs.size;
  }

  /** Statuses by target id. */
  get statuses(): [targetId: string, status: OutputStatus][] {
    return [...this.#outputs].map(([id, { output }]) => [id, this.#statusOf(output)]);
  }

  status(targetId: string): OutputStatus | undefined {
    const found = this.#outputs.get(targetId);
    return found && this.#statusOf(found.output);
  }

  /** Whether a target is served with these settings. */
  serves({ id, version }: Pick<OpenTarget, 'id' | 'version'>): boolean {
    return this.#outputs.get(id)?.version === version;
  }

  start(target: OpenTarget): void {
    if (this.#isOver || this.#outputs.has(target.id)) return;
    const output = new Output({
      connect: (signal) => {
        const { streamId } = this;
        const { relayPath = [] } = this.#source ?? {};
        return this.#host.connect(target, { streamId, relayPath, info: () => this.#source?.info }, signal);
      },
      presence: target.protocol === 'whip' ? this.#publishing : this.#feed.presence,
      join: ({ reader }) => (reader ? this.#feed.join(reader) : () => {}),
      onState: () => this.#host.onState(target.id, this.streamId),
      clock: this.#host.clock,
      log: this.#log.child({ targetId: target.id, protocol: target.protocol }),
    });
    this.#outputs.set(target.id, { version: target.version, protocol: target.protocol, output });
    this.#updateDemand();
  }

  /** Ends the output to a target. */
  async stop(targetId: string): Promise<void> {
    const found = this.#outputs.get(targetId);
    if (!found) return;
    found.output.close();
    await found.output.closed;
    if (this.#outputs.get(targetId) === found) this.#outputs.delete(targetId);
    this.#updateDemand();
  }

  /** Measures the outputs; to be called every few seconds. */
  sample(): void {
    const codec = this.#source?.info.video?.codec;
    const isChanged = codec !== undefined && this.#codec !== undefined && this.#codec !== codec;
    this.#codec = codec ?? this.#codec;
    for (const { output, protocol } of this.#outputs.values()) {
      output.sample();
      // A WebRTC connection was negotiated for one codec.
      if (isChanged && protocol === 'whip') output.renew();
    }
  }

  publicationStarted(source: Source): void {
    this.#source = source;
    source.read({
      restart: (startedAt, has) => {
        if (this.#source !== source) return;
        this.#setPassedThrough(isPassable(source, has));
        const { video, audio } = source.info;
        if (this.#isPassedThrough)
          this.#feed.begin(startedAt, {
            video: has.video ? video : undefined,
            audio: has.audio ? audio : undefined,
          });
        this.#publishing.set(true);
      },
      write: (tag) => {
        if (this.#source === source && this.#isPassedThrough) this.#feed.write(tag);
      },
      end: () => {
        if (this.#source !== source) return;
        this.#source = undefined;
        // Encoded media ends with its run, which has more of it.
        if (this.#isPassedThrough) this.#feed.end();
        this.#publishing.set(false);
      },
    });
  }

  encoderRunStarted(run: EncoderRun): void {
    if (this.#isPassedThrough) return;
    this.#encoded?.close();
    this.#encoded = new EncodedMedia(run, this.#feed);
    run.read(this.#encoded);
  }

  async broadcastEnded(): Promise<void> {
    this.#isOver = true;
    this.#updateDemand();
    await Promise.all([...this.#outputs.keys()].map((id) => this.stop(id)));
  }

  #setPassedThrough(isPassedThrough: boolean): void {
    if (this.#isPassedThrough === isPassedThrough) return;
    this.#isPassedThrough = isPassedThrough;
    if (isPassedThrough) this.#encoded?.close();
    else this.#feed.end();
    this.#encoded = undefined;
    this.#updateDemand();
  }

  /** Has the source encoded while a target needs that. */
  #updateDemand(): void {
    const isNeeded =
      !this.#isOver &&
      !this.#isPassedThrough &&
      [...this.#outputs.values()].some(({ protocol }) => protocol !== 'whip');
    if (isNeeded) this.#releaseDemand ??= this.#demand.hold();
    else {
      this.#releaseDemand?.();
      this.#releaseDemand = undefined;
    }
  }

  #statusOf(output: Output): OutputStatus {
    return { ...output.status, streamId: this.streamId };
  }
}

/** Whether a publication is H.264 and AAC, which every RTMP and SRT target takes. */
function isPassable({ rtp, info }: Source, has: { audio: boolean; video: boolean }): boolean {
  if (rtp) return false;
  return (!has.video || info.video?.codec === 'h264') && (!has.audio || info.audio?.codec === 'aac');
}
