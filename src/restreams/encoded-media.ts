import {
  CmafScanner,
  decoderConfiguration,
  type FlvTag,
  type Sample,
  type TrackInit,
} from '../media/index.js';
import type { EncoderRun, EncoderRunReader } from '../streams/index.js';
import type { MediaFeed } from './media-feed.js';

type Kind = 'video' | 'audio';
type Track = { id: string; kind: Kind; init: TrackInit | undefined; scanner: CmafScanner };

/** Audio and video come from the encoder in turns of up to this duration, ms; they are sent in the order of time. */
const MAXIMUM_INTERLEAVE_MS = 2_000;
/** Tag headers of H.264 and AAC (Flash Video File Format 10.1, annex E.4). */
const VIDEO = { key: 0x17, other: 0x27, configuration: 0, frame: 1 } as const;
const AUDIO = { aac: 0xaf, configuration: 0, frame: 1 } as const;
const HEADS = { video: 5, audio: 2 } as const;

/**
 * Reads the best video rendition and the audio of an encoder run as FLV tags, for sources that are not H.264 and AAC. So
 * the encoder of HLS serves all targets as well.
 */
export class EncodedMedia implements EncoderRunReader {
  readonly #run: EncoderRun;
  readonly #feed: MediaFeed;
  readonly #tracks: Track[];
  readonly #kinds: ReadonlySet<Kind>;
  #waiting: FlvTag[] = [];
  readonly #newestMs: Record<Kind, number> = { video: -1, audio: -1 };
  #hasBegun = false;
  #closed = false;

  constructor(run: EncoderRun, feed: MediaFeed) {
    this.#run = run;
    this.#feed = feed;
    // Renditions are listed best first.
    const chosen = (['video', 'audio'] as const).flatMap(
      (wanted) => run.renditions.find(({ kind }) => kind === wanted) ?? [],
    );
    this.#tracks = chosen.map(({ id, kind }) => ({ id, kind, init: undefined, scanner: this.#scan(id) }));
    this.#kinds = new Set(chosen.map(({ kind }) => kind));
  }

  write(renditionId: string, bytes: Buffer): void {
    if (!this.#closed) this.#track(renditionId)?.scanner.write(bytes);
  }

  startCopy(renditionId: string, init: TrackInit): void {
    this.#begin(renditionId, init);
  }

  sample(renditionId: string, sample: Sample): void {
    const track = this.#track(renditionId);
    if (!track?.init || this.#closed || !this.#feed.hasReaders) return;
    const { kind, init } = track;
    const ms = (ticks: number): number => Math.round((ticks * 1_000) / init.timescale);
    const timestamp = ms(sample.decodeTime);
    const body = tagBody(kind, sample.sync, ms(sample.compositionOffset), sample.data);
    this.#push({ kind, timestamp, body, header: false, keyframe: kind === 'video' && sample.sync });
  }

  encoderEnded(renditionId: string): void {
    const track = this.#track(renditionId);
    if (track) Object.assign(track, { scanner: this.#scan(renditionId), init: undefined });
  }

  renditionSuspended(renditionId: string): void {
    this.encoderEnded(renditionId);
    this.#end();
  }

  renditionEnded(renditionId: string): void {
    this.encoderEnded(renditionId);
  }

  /** Ends the run. Idempotent. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#end();
  }

  #track(renditionId: string): Track | undefined {
    return this.#tracks.find(({ id }) => id === renditionId);
  }

  #scan(renditionId: string): CmafScanner {
    return new CmafScanner({
      init: (init) => this.#begin(renditionId, init),
      sample: (sample) => this.sample(renditionId, sample),
    });
  }

  #begin(renditionId: string, init: TrackInit): void {
    const track = this.#track(renditionId);
    const configuration = decoderConfiguration(init);
    if (!track || !configuration || this.#closed) return;
    track.init = init;
    if (!this.#hasBegun) this.#beginFeed();
    const body =
      track.kind === 'video'
        ? Buffer.concat([Buffer.from([VIDEO.key, VIDEO.configuration, 0, 0, 0]), configuration])
        : Buffer.concat([Buffer.from([AUDIO.aac, AUDIO.configuration]), configuration]);
    const timestamp = Math.max(0, this.#newestMs[track.kind]);
    this.#feed.write({ kind: track.kind, timestamp, body, header: true, keyframe: false });
  }

  #beginFeed(): void {
    this.#hasBegun = true;
    this.#feed.begin(this.#run.originMs, {
      video: this.#kinds.has('video') ? { codec: 'h264' } : undefined,
      audio: this.#kinds.has('audio') ? { codec: 'aac' } : undefined,
    });
  }

  /** Sends what no earlier tag of the other kind can precede any more. */
  #push(tag: FlvTag & { kind: Kind }): void {
    this.#newestMs[tag.kind] = Math.max(this.#newestMs[tag.kind], tag.timestamp);
    const after = this.#waiting.findLastIndex(({ timestamp }) => timestamp <= tag.timestamp);
    this.#waiting.splice(after + 1, 0, tag);
    const { video, audio } = this.#newestMs;
    const complete = this.#kinds.size < 2 ? tag.timestamp : Math.min(video, audio);
    const until = Math.max(complete, Math.max(video, audio) - MAXIMUM_INTERLEAVE_MS);
    const count = this.#waiting.findLastIndex(({ timestamp }) => timestamp <= until) + 1;
    for (const ready of this.#waiting.splice(0, count)) this.#feed.write(ready);
  }

  #end(): void {
    for (const tag of this.#waiting) this.#feed.write(tag);
    this.#waiting = [];
    if (this.#hasBegun) this.#feed.end();
    this.#hasBegun = false;
  }
}

function tagBody(kind: Kind, isKeyframe: boolean, compositionMs: number, data: Buffer): Buffer {
  const body = Buffer.allocUnsafe(HEADS[kind] + data.length);
  if (kind === 'video') {
    body[0] = isKeyframe ? VIDEO.key : VIDEO.other;
    body[1] = VIDEO.frame;
    body.writeIntBE(compositionMs, 2, 3);
  } else {
    body[0] = AUDIO.aac;
    body[1] = AUDIO.frame;
  }
  data.copy(body, HEADS[kind]);
  return body;
}
