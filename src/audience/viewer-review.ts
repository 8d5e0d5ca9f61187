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
  tokens: ViewerTokens;
  admissionControl: AdmissionControl;
  clock: Clock;
  log: Logger;
};

/** Everything is reviewed so often in case a change was not reported, in ms. */
const REVIEW_INTERVAL_MS = 30_000;
/** Delay after a failure, in ms. */
const RETRY_MS = 1_000;

/**
 * Asks again whether those who were admitted may still watch, whatever changed: `Doorkeeper` decides for new and for
 * admitted viewers alike. Tokens stop working from memory at once, before the answer is known. While the database does not
 * answer, viewers of a private livestream stay as they are, and are reviewed when it answers again.
 */
export class ViewerReview {
  readonly #options: ViewerReviewOptions;
  /** By stream: whether the review under way is to be repeated. */
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

  /** @param accessChanged whether its visibility or its invitees may have changed. */
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
      // A viewer may go on by another credential; tokens made with this one do not.
      for (const token of [...viewer.tokens]) {
        const grant = tokens.read(viewer.streamId, token);
        if (grant && isAffected(change, grant.identity)) viewers.forgetToken(viewer, token);
      }
    }
    for (const [streamId, open] of admissions.streams())
      for (const { identity } of open) if (isAffected(change, identity)) streamIds.add(streamId);
    for (const streamId of streamIds) void this.review(streamId);
  }

  /** Never rejects; after a failure it is tried again. */
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
      log.warn({ err: error, streamId }, 'permissions of viewers could not be checked: trying again');
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

  /** @returns false when something changed meanwhile: what was allowed must be asked again. */
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
      // Undefined for one who showed another credential meanwhile, and was asked then.
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
