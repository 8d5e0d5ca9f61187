import type { PassedVideoCodec } from '../../streams/index.js';
import type { ViewerPlan, WebrtcPool } from '../../webrtc/index.js';

/** Codecs of RTMP sources that viewers get as they are, if they take them; all others get H.264. */
export type TakenCodec = Exclude<PassedVideoCodec, 'h264'>;

const TAKEN_CODECS: readonly TakenCodec[] = ['av1', 'hevc'];

/** Media sources of a broadcast. */
export type MediaSources = {
  /** For all viewers: of a WHIP publisher, or of H.264. */
  common?: string | undefined;
  /** The source as it is, for viewers that take its codec. */
  passed?: { codec: TakenCodec; mediaSourceId: string } | undefined;
};

/** Returns a codec of a source that is passed to viewers that take it. */
export function takenCodec(codec: string | undefined): TakenCodec | undefined {
  return TAKEN_CODECS.find((taken) => taken === codec);
}

type Group = { codecs: readonly TakenCodec[]; viewers: number; mediaSourceId: string | undefined };

/** Viewers of a broadcast in groups, by the codecs that they take beside H.264: the viewers of a group have one media source. */
export class ViewerGroups {
  readonly #broadcastId: string;
  readonly #pool: Pick<WebrtcPool, 'setMediaSource' | 'closeViewerGroup'>;
  readonly #groups = new Map<string, Group>();
  #sources: MediaSources = {};

  constructor(broadcastId: string, pool: Pick<WebrtcPool, 'setMediaSource' | 'closeViewerGroup'>) {
    this.#broadcastId = broadcastId;
    this.#pool = pool;
    this.#groups.set(broadcastId, { codecs: [], viewers: 0, mediaSourceId: undefined });
  }

  /** Whether there are viewers: that take a codec, or that do not; undefined: any. */
  has(viewers?: { taking: TakenCodec } | { notTaking: TakenCodec | undefined }): boolean {
    for (const { codecs, viewers: count } of this.#groups.values()) {
      if (count === 0) continue;
      if (!viewers) return true;
      if ('taking' in viewers ? codecs.includes(viewers.taking) : !includes(codecs, viewers.notTaking))
        return true;
    }
    return false;
  }

  /** Returns the id of a viewer's group, to join by `hold`. */
  idOf(plan: ViewerPlan): string {
    return [this.#broadcastId, ...takenBy(plan)].join('+');
  }

  /** Counts a viewer of a group. @returns a function (idempotent) to call when it has left */
  hold(id: string): () => void {
    const group = this.#groups.get(id) ?? this.#open(id);
    group.viewers++;
    let isHeld = true;
    return () => {
      if (!isHeld) return;
      isHeld = false;
      group.viewers--;
      if (group.viewers === 0) this.#close(id, group);
    };
  }

  setSources(sources: MediaSources): void {
    this.#sources = sources;
    for (const [id, group] of this.#groups) this.#setSource(id, group);
  }

  close(reason: string): void {
    for (const id of this.#groups.keys()) this.#pool.closeViewerGroup(id, reason);
  }

  #open(id: string): Group {
    const codecs = TAKEN_CODECS.filter((codec) => id.split('+').includes(codec));
    const group: Group = { codecs, viewers: 0, mediaSourceId: undefined };
    this.#groups.set(id, group);
    this.#setSource(id, group);
    return group;
  }

  /** The group of those that take H.264 alone stays. */
  #close(id: string, group: Group): void {
    if (id === this.#broadcastId) return;
    this.#groups.delete(id);
    if (group.mediaSourceId !== undefined) this.#pool.setMediaSource(id, undefined);
  }

  #setSource(id: string, group: Group): void {
    const { common, passed } = this.#sources;
    const mediaSourceId = passed && group.codecs.includes(passed.codec) ? passed.mediaSourceId : common;
    if (mediaSourceId === group.mediaSourceId) return;
    group.mediaSourceId = mediaSourceId;
    this.#pool.setMediaSource(id, mediaSourceId);
  }
}

function includes(codecs: readonly TakenCodec[], codec: TakenCodec | undefined): boolean {
  return codec !== undefined && codecs.includes(codec);
}

function takenBy({ video }: ViewerPlan): TakenCodec[] {
  return TAKEN_CODECS.filter((taken) => video?.codecs.some(({ codec }) => codec === taken));
}
