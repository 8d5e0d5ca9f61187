import type { FastifyRequest } from 'fastify';
import { mayManage, userIdOf } from '../../accounts/index.js';
import type { Chat } from '../../chat/index.js';
import { PublicError } from '../../platform/index.js';
import { type Clip, type ClipListing, clipNotFound } from '../../recordings/index.js';
import type { Livestream } from '../../streams/index.js';
import type { LivestreamLookup } from '../livestreams/livestream-lookup.js';
import type { Guards } from '../server/guards.js';

type ClipPermissionOptions = {
  lookup: Pick<LivestreamLookup, 'findWatchable' | 'rightTo'>;
  moderation: Pick<Chat['moderation'], 'isModerator'>;
  guards: Pick<Guards, 'principal'>;
};

/** Clip of a livestream that was not deleted. */
export type FoundClip = Clip & { streamId: string };

/** Decides who may make, see and change clips. All may only who may watch the livestream. */
export class ClipPermission {
  readonly #options: ClipPermissionOptions;

  constructor(options: ClipPermissionOptions) {
    this.#options = options;
  }

  /** Owner, administrators and moderators. @param livestream one that the client may watch */
  async mayModerate(request: FastifyRequest, livestream: Livestream): Promise<boolean> {
    const principal = this.#options.guards.principal(request);
    if (mayManage(principal, livestream)) return true;
    if (userIdOf(principal) === undefined) return false;
    return await this.#options.moderation.isModerator({ principal, address: request.ip }, livestream.id);
  }

  /** @param livestream one that the client may watch */
  async mayClip(request: FastifyRequest, livestream: Livestream): Promise<boolean> {
    const userId = userIdOf(this.#options.guards.principal(request));
    if (livestream.clipsBy === 'viewers' && userId !== undefined) return true;
    return await this.mayModerate(request, livestream);
  }

  /** Returns which clips of a livestream the client sees in its list. @param livestream one that the client may watch */
  async listing(request: FastifyRequest, livestream: Livestream): Promise<ClipListing> {
    const principal = this.#options.guards.principal(request);
    if (mayManage(principal, livestream)) return 'all';
    const isModerator = await this.mayModerate(request, livestream);
    return { userId: userIdOf(principal) ?? null, isModerator };
  }

  /** @throws PublicError 403 `not_allowed` */
  async requireClip(request: FastifyRequest, livestream: Livestream): Promise<void> {
    if (!(await this.mayClip(request, livestream)))
      throw new PublicError(403, 'not_allowed', 'Only the moderators of this livestream may make clips.');
  }

  /**
   * @param right `change`: for who made it, and moderators
   * @throws PublicError 404 `clip_not_found`, also for a livestream that must not be known; 403 `not_allowed`
   */
  async require(
    request: FastifyRequest,
    clip: Clip | undefined,
    right: 'watch' | 'change',
  ): Promise<{ clip: FoundClip; livestream: Livestream }> {
    if (!clip || clip.streamId === null || clip.state === 'deleting') throw clipNotFound();
    const { streamId, createdBy, maker } = clip;
    const { lookup, guards } = this.#options;
    const livestream = await lookup.findWatchable(request, streamId).catch((error: unknown) => {
      throw error instanceof PublicError && error.status === 404 ? clipNotFound() : error;
    });
    const access = { id: streamId, userId: livestream.userId, visibility: clip.access, maker };
    if ((await lookup.rightTo(request, access)) === undefined) throw clipNotFound();
    const userId = userIdOf(guards.principal(request));
    const isOwn = userId !== undefined && userId === createdBy;
    if (right === 'change' && !isOwn && !(await this.mayModerate(request, livestream)))
      throw new PublicError(403, 'not_allowed', 'This clip was made by another user.');
    return { clip: { ...clip, streamId }, livestream };
  }
}
