import { PublicError } from '../../platform/index.js';
import type { AccessScope, ViewerAdmission, ViewerRequest } from '../../streams/index.js';
import { asNotFound } from '../http/index.js';

/**
 * Admits a viewer to a recording, whose id is `streamId` of the request.
 *
 * @returns the token that later requests must carry; undefined where everybody may watch
 * @throws PublicError 404 `not_found`
 */
export async function admitToRecording(
  admission: Pick<ViewerAdmission, 'admit' | 'admitPlaylistRequest'>,
  viewer: ViewerRequest,
): Promise<{ token: string | undefined; scope: AccessScope }> {
  // Without a token this answers for recordings that everybody may watch only.
  const isPublic = await admission
    .admitPlaylistRequest({ ...viewer, token: undefined }, undefined)
    .then((scope) => scope === 'everybody')
    .catch((error: unknown) => {
      if (error instanceof PublicError && error.status === 404) return false;
      throw error;
    });
  if (isPublic) return { token: undefined, scope: 'everybody' };
  const { token } = await asNotFound(admission.admit(viewer));
  return { token: token || undefined, scope: 'invited' };
}
