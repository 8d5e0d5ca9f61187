import { ANONYMOUS } from '../accounts/index.js';
import type { AccessScope, ViewerProtocol, ViewerRequest } from '../streams/index.js';
import { type AdmissionControl, type Admitted, notFound, opennessOf } from './admission-control.js';
import type { LivestreamCache } from './livestream-cache.js';
import type { Viewer } from './viewer.js';
import type { ViewerTokens } from './viewer-token.js';
import type { Viewers } from './viewers.js';

export type HlsAccessOptions = {
  viewers: Viewers;
  livestreams: LivestreamCache;
  tokens: ViewerTokens;
  admit(...request: Parameters<AdmissionControl['admit']>): Promise<Admitted>;
};

/**
 * Access to HLS playlists and media by viewer token: a known viewer's requests are answered from memory, all others are
 * admitted. A viewer's token is unknown from the moment at which the viewer is dismissed.
 */
export class HlsAccess {
  readonly #options: HlsAccessOptions;

  constructor(options: HlsAccessOptions) {
    this.#options = options;
  }

  /** As `ViewerGate.seen`. A change of visibility that the viewer was not checked against counts as unknown. */
  seen(streamId: string, token: string, protocol: ViewerProtocol): AccessScope | undefined {
    const { viewers, livestreams } = this.#options;
    const viewer = this.#present(streamId, token);
    if (!viewer) return undefined;
    const livestream = livestreams.peek(streamId);
    if (!livestream || opennessOf(livestream) !== viewer.openness) return undefined;
    viewers.seen(viewer, protocol);
    return viewer.openness;
  }

  /** As `ViewerGate.pass`. */
  async pass(request: ViewerRequest, protocol: ViewerProtocol | undefined): Promise<AccessScope> {
    const { viewers, livestreams, tokens, admit } = this.#options;
    const { streamId, token } = request;
    const livestream = await livestreams.find(streamId);
    if (!livestream) throw notFound();
    const openness = opennessOf(livestream);
    if (openness === 'everybody' && protocol === undefined) return openness;
    if (token !== undefined && tokens.read(streamId, token)) {
      const { viewer } = await admit(request, ANONYMOUS, false);
      if (protocol !== undefined) viewers.seen(viewer, protocol);
      return viewer.openness;
    }
    if (openness !== 'everybody') throw notFound();
    return openness;
  }

  /** As `ViewerGate.mediaAccess`. */
  mediaAccess(streamId: string, token: string | undefined): AccessScope | undefined {
    const livestream = this.#options.livestreams.peek(streamId);
    if (!livestream) return undefined;
    const openness = opennessOf(livestream);
    if (openness === 'everybody') return openness;
    const viewer = token === undefined ? undefined : this.#present(streamId, token);
    return viewer?.openness === openness ? openness : undefined;
  }

  #present(streamId: string, token: string): Viewer | undefined {
    const viewer = this.#options.viewers.byToken(streamId, token);
    return viewer?.presence === 'away' ? undefined : viewer;
  }
}
