import type { AccessChange, Authenticate, Identities, IsInvitee, Watchable } from '../accounts/index.js';
import type { BoundedCalls, Clock, Logger } from '../platform/index.js';
import type {
  AccessScope,
  AdmittedViewer,
  ViewerAdmission,
  ViewerProtocol,
  ViewerRequest,
} from '../streams/index.js';
import { AdmissionControl } from './admission-control.js';
import { AUDIENCE_LIMITS } from './audience-limits.js';
import { HlsAccess } from './hls-access.js';
import { LivestreamCache, MAXIMUM_CACHED_LIVESTREAMS, type WatchedLivestream } from './livestream-cache.js';
import { OpenAdmissions } from './open-admissions.js';
import { viewerAdmission } from './viewer-admission.js';
import { ViewerReview } from './viewer-review.js';
import { ViewerTokens } from './viewer-token.js';
import { Viewers } from './viewers.js';

export type RecordingAdmissionOptions = {
  recordings: {
    /** Finds a recording; `id` and `userId` are those of its livestream. */
    findWatched(recordingId: string): Promise<Watchable | undefined>;
    onUpdate(listener: (recordingId: string) => void): () => void;
  };
  livestreams: {
    invitees: { has: IsInvitee };
    onUpdate(listener: (streamId: string, accessChanged: boolean) => void): () => void;
  };
  authenticate: Authenticate;
  identities: Pick<Identities, 'of' | 'current'>;
  calls: BoundedCalls;
  /** Key that signs viewer tokens. */
  secret: Buffer;
  clock: Clock;
  log: Logger;
};

const TICK_MS = 1_000;

/**
 * Admits viewers to recordings, by the rules of livestreams and the visibility of the recording. `streamId` of a request is the
 * id of the recording. Viewers are not counted; tokens are those of the livestream, so that a token of either serves for both.
 */
export class RecordingAdmission
  implements Pick<ViewerAdmission, 'admit' | 'admitPlaylistRequest' | 'mediaAccess'>
{
  readonly #options: RecordingAdmissionOptions;
  readonly #viewers: Viewers;
  readonly #admissions = new OpenAdmissions();
  readonly #admissionControl: AdmissionControl;
  readonly #hls: HlsAccess;
  readonly #review: ViewerReview;
  /** Livestreams of the recordings that were looked up last, by recording id. */
  readonly #streamIds = new Map<string, string>();
  readonly #lifetime = new AbortController();

  constructor(options: RecordingAdmissionOptions) {
    this.#options = options;
    const { livestreams, authenticate, identities, calls, secret, clock, log } = options;
    this.#viewers = new Viewers({
      ...{ clock, maximumViewers: AUDIENCE_LIMITS.viewers },
      onViewChanged: () => {},
    });
    const signer = new ViewerTokens(secret);
    const streamIdOf = (recordingId: string): string => this.#streamIds.get(recordingId) ?? recordingId;
    const tokens: Pick<ViewerTokens, 'issue' | 'read'> = {
      issue: (recordingId, grant) => signer.issue(streamIdOf(recordingId), grant),
      read: (recordingId, token) => signer.read(streamIdOf(recordingId), token),
    };
    const cache = new LivestreamCache({
      find: (recordingId) => this.#find(recordingId),
      isBroadcasting: () => false,
      ...{ calls, clock },
    });
    const common = { viewers: this.#viewers, livestreams: cache, tokens };
    const admissionControl = new AdmissionControl({
      ...common,
      isInvitee: (streamId, userId) => calls.run(() => livestreams.invitees.has(streamId, userId)),
      ...{ authenticate, identities, calls, clock, newViewers: AUDIENCE_LIMITS.newViewers },
    });
    this.#admissionControl = admissionControl;
    this.#hls = new HlsAccess({ ...common, admit: (...request) => admissionControl.admit(...request) });
    this.#review = new ViewerReview({
      ...{ ...common, admissionControl, clock, log },
      admissions: this.#admissions,
    });
  }

  start(): void {
    const { clock, recordings, livestreams } = this.#options;
    const { signal } = this.#lifetime;
    const stops = [
      recordings.onUpdate((recordingId) => this.#review.livestreamChanged(recordingId, true)),
      livestreams.onUpdate((streamId, accessChanged) => {
        if (accessChanged) this.#livestreamChanged(streamId);
      }),
    ];
    for (const stop of stops) signal.addEventListener('abort', stop);
    clock.every(TICK_MS, () => this.#tick(), signal);
    this.#review.start();
  }

  close(): void {
    this.#lifetime.abort();
    this.#review.close();
  }

  async admit(request: ViewerRequest): Promise<AdmittedViewer> {
    const control = this.#admissionControl;
    return viewerAdmission(await control.admit(request, () => control.identify(request), true), {
      ...{ viewers: this.#viewers, admissions: this.#admissions },
      ...{ admissionControl: control, review: this.#review },
    });
  }

  async admitPlaylistRequest(
    request: ViewerRequest,
    protocol: ViewerProtocol | undefined,
  ): Promise<AccessScope> {
    return await this.#hls.admitPlaylistRequest(request, protocol);
  }

  mediaAccess(recordingId: string, token: string | undefined): AccessScope | undefined {
    return this.#hls.mediaAccess(recordingId, token);
  }

  /** Reviews the viewers of a user whose rights changed or whose credential ended. */
  accessChanged(change: AccessChange): void {
    this.#review.userChanged(change);
  }

  #livestreamChanged(changedId: string): void {
    for (const [recordingId, streamId] of this.#streamIds)
      if (streamId === changedId) this.#review.livestreamChanged(recordingId, true);
  }

  async #find(recordingId: string): Promise<WatchedLivestream | undefined> {
    const found = await this.#options.recordings.findWatched(recordingId);
    if (!found) return undefined;
    this.#streamIds.delete(recordingId);
    this.#streamIds.set(recordingId, found.id);
    const [oldest] = this.#streamIds.keys();
    if (this.#streamIds.size > MAXIMUM_CACHED_LIVESTREAMS && oldest !== undefined)
      this.#streamIds.delete(oldest);
    return { ...found, viewerLimit: null, endReason: null, viewerCountPeak: 0 };
  }

  #tick(): void {
    this.#viewers.sweep();
    for (const stream of this.#viewers.streams())
      if (stream.viewers.size === 0) this.#viewers.removeStream(stream);
  }
}
