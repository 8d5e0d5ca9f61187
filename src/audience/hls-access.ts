import { ANONYMOUS } from '../accounts/index.js';
import { streamNotFound } from '../platform/index.js';
import type { AccessScope, ViewerProtocol, ViewerRequest } from '../streams/index.js';
import { type AdmissionControl, type Admitted, accessScopeOf } from './admission-control.js';
import type { LivestreamCache } from './livestream-cache.js';
import type { Viewer } from './viewer.js';
import type { ViewerTokens } from './viewer-token.js';
import type { Viewers } from './viewers.js';

export type HlsAccessOptions = {
  viewers: Viewers;
  livestreams: LivestreamCache;
  tokens: Pick<ViewerTokens, 'read'>;
  admit(...request: Parameters<AdmissionControl['admit']>): Promise<Admitted>;
};

/**
 * Controls access to HLS playlists and media by viewer token. Requests of known viewers are answered from memory, all
 * others are admitted. The tokens of a viewer are invalid from its dismissal on.
 */
export class HlsAccess {
  readonly #options: HlsAccessOptions;

  constructor(options: HlsAccessOptions) {
    this.#options = options;
  }

  /** As `ViewerAdmission.recordActivity`. A viewer not reviewed since a change of visibility counts as unknown. */
  recordActivity(streamId: string, token: string, protocol: ViewerProtocol): AccessScope | undefined {
    const { viewers, livestreams } = this.#options;
    const viewer = this.#present(streamId, token);
    if (!viewer) return undefined;
    const livestream = livestreams.peek(streamId);
    if (!livestream || accessScopeOf(livestream) !== viewer.accessScope) return undefined;
    viewers.recordRequest(viewer, protocol);
    return viewer.accessScope;
  }

  /** As `ViewerAdmission.admitPlaylistRequest`. */
  async admitPlaylistRequest(
    request: ViewerRequest,
    protocol: ViewerProtocol | undefined,
  ): Promise<AccessScope> {
    const { viewers, livestreams, tokens, admit } = this.#options;
    const { streamId, token } = request;
    const livestream = await livestreams.find(streamId);
    if (!livestream) throw streamNotFound();
    const accessScope = accessScopeOf(livestream);
    if (accessScope === 'everybody' && protocol === undefined) return accessScope;
    if (token !== undefined && tokens.read(streamId, token)) {
      const { viewer } = await admit(request, ANONYMOUS, false);
      if (protocol !== undefined) viewers.recordRequest(viewer, protocol);
      return viewer.accessScope;
    }
    if (accessScope !== 'everybody') throw streamNotFound();
    return accessScope;
  }

  /** As `ViewerAdmission.mediaAccess`. */
  mediaAccess(streamId: string, token: string | undefined): AccessScope | undefined {
    const livestream = this.#options.livestreams.peek(streamId);
    if (!livestream) return undefined;
    const accessScope = accessScopeOf(livestream);
    if (accessScope === 'everybody') return accessScope;
    const viewer = token === undefined ? undefined : this.#present(streamId, token);
    return viewer?.accessScope === accessScope ? accessScope : undefined;
  }

  #present(streamId: string, token: string): Viewer | undefined {
    const viewer = this.#options.viewers.byToken(streamId, token);
    return viewer?.presence === 'away' ? undefined : viewer;
  }
}
