import { type AccessChange, type Identity, isAffected } from '../accounts/index.js';
import type { Clock, Logger } from '../platform/index.js';
import { type AdmissionControl, accessScopeOf } from './admission-control.js';
import type { LivestreamCache, WatchedLivestream } from './livestream-cache.js';
import type { OpenAdmissions } from './open-admissions.js';
import type { ViewerTokens } from './viewer-token.js';
import type { Viewers } from './viewers.js';

export type ViewerReviewOptions = {
  viewers: Viewers;
  admissions: OpenAdmissions;
  livestreams: LivestreamCache;
  tokens: Pick<ViewerTokens, 'read'>;
  admissionControl: AdmissionControl;
  clock: Clock;
  log: Logger;
};

/** Interval of complete reviews, in case a change was not reported. */
const REVIEW_INTERVAL_MS = 30_000;
/** Delay after a failure. */
const RETRY_MS = 1_000;

/**
 * Repeats the decision of `AdmissionControl` for admitted viewers when permissions may have changed. Their tokens are not
 * accepted from memory until the review has ended. While the database is unavailable, viewers of private livestreams stay
 * connected, and are reviewed when it is available again.
 */
export class ViewerReview {
  readonly #options: ViewerReviewOptions;
  /** Reviews in progress by stream, and whether each is to be repeated. */
  readonly #underWay = new Map<string, { again: boolean }>();
  /** Streams whose next attempt is scheduled. */
  readonly #retries = new Set<string>();
  readonly #lifetime = new AbortController();
  #reviewingAll = false;

  constructor(options: ViewerReviewOptions) {
    this.#options = options;
  }

  start(): void {
    this.#options.clock.every(REVIEW_INTERVAL_MS, () => void this.#reviewAll(), this.#lifetime.signal);
  }

  close(): void {
    this.#lifetime.abort();
  }

  /** @param accessChanged whether the visibility or the invitees may have changed */
  livestreamChanged(streamId: string, accessChanged: boolean): void {
    const { viewers, livestreams, admissionControl } = this.#options;
    livestreams.invalidate(streamId);
    if (accessChanged) {
      admissionControl.accessChanged();
      for (const viewer of viewers.stream(streamId)?.viewers ?? []) viewer.isVerified = false;
    }
    void this.review(streamId);
  }

  userChanged(change: AccessChange): void {
    const { viewers, admissions, tokens, admissionControl } = this.#options;
    admissionControl.accessChanged();
    const streamIds = new Set<string>();
    for (const viewer of viewers.all()) {
      if (isAffected(change, viewer.identity)) {
        viewer.isVerified = false;
        streamIds.add(viewer.streamId);
      }
      if (viewer.userId !== change.userId) continue;
      // After a change of its account the review decides on the viewer with its tokens. An ended credential ends its tokens
      // for good, because the viewer may continue by another credential.
      if (change.credentialIds === undefined && isAffected(change, viewer.identity)) continue;
      for (const token of [...viewer.tokens]) {
        const grant = tokens.read(viewer.streamId, token);
        if (grant && isAffected(change, grant.identity)) viewers.forgetToken(viewer, token);
      }
    }
    for (const [streamId, open] of admissions.streams())
      for (const { identity } of open) if (isAffected(change, identity)) streamIds.add(streamId);
    for (const streamId of streamIds) void this.review(streamId);
  }

  /** Reviews a stream; never rejects, and retries after a failure. */
  async review(streamId: string): Promise<void> {
    const { log } = this.#options;
    const { signal } = this.#lifetime;
    const underWay = this.#underWay.get(streamId);
    if (underWay) {
      underWay.again = true;
      return;
    }
    const run = { again: true };
    this.#underWay.set(streamId, run);
    try {
      while (run.again && !signal.aborted) {
        run.again = false;
        if (!(await this.#review(streamId))) run.again = true;
      }
    } catch (error) {
      log.warn({ err: error, streamId }, 'permissions of viewers could not be checked: retrying');
      this.#retry(streamId);
    } finally {
      this.#underWay.delete(streamId);
    }
  }

  #retry(streamId: string): void {
    if (this.#retries.has(streamId)) return;
    this.#retries.add(streamId);
    const again = (): void => {
      this.#retries.delete(streamId);
      void this.review(streamId);
    };
    this.#options.clock.after(RETRY_MS, again, this.#lifetime.signal);
  }

  /** @returns false if permissions changed meanwhile, so that the review must be repeated */
  async #review(streamId: string): Promise<boolean> {
    const { viewers, admissions, livestreams, admissionControl } = this.#options;
    const watching = [...(viewers.stream(streamId)?.viewers ?? [])];
    const open = [...admissions.of(streamId)];
    if (watching.length === 0 && open.length === 0) return true;
    const { epoch } = admissionControl;
    const livestream = await livestreams.find(streamId);
    const decided = new Map<string, boolean>();
    for (const { identity } of [...watching, ...open]) {
      const key = keyOf(identity);
      if (!decided.has(key)) decided.set(key, await this.#mayWatch(identity, livestream));
    }
    const isCurrent = admissionControl.epoch === epoch;
    for (const admission of open)
      if (decided.get(keyOf(admission.identity)) === false) admissions.revoke(streamId, admission);
    for (const viewer of watching) {
      // Undefined for a viewer that was admitted by another credential meanwhile.
      const stays = decided.get(keyOf(viewer.identity));
      if (stays === false) viewers.dismiss(viewer);
      else if (stays && isCurrent && livestream) {
        viewer.accessScope = accessScopeOf(livestream);
        viewer.isVerified = true;
      }
    }
    return isCurrent;
  }

  async #mayWatch(identity: Identity, livestream: WatchedLivestream | undefined): Promise<boolean> {
    return (
      livestream !== undefined && (await this.#options.admissionControl.mayStillWatch(identity, livestream))
    );
  }

  async #reviewAll(): Promise<void> {
    if (this.#reviewingAll) return;
    this.#reviewingAll = true;
    const { viewers, admissions } = this.#options;
    const streamIds = new Set([...viewers.streams()].map(({ streamId }) => streamId));
    for (const [streamId] of admissions.streams()) streamIds.add(streamId);
    for (const streamId of streamIds) await this.review(streamId);
    this.#reviewingAll = false;
  }
}

function keyOf({ via, userId, credentialId, admin, until }: Identity): string {
  return JSON.stringify([via, userId, credentialId, admin, until]);
}
