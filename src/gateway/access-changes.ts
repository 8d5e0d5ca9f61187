import { type Authentication, isAffected, userIdOf } from '../accounts/index.js';
import type { Audience, RecordingAdmission } from '../audience/index.js';
import type { SocketServer } from '../sockets/index.js';
import type { StreamRegistry } from '../streams/index.js';

export type AccessChangeTargets = {
  authentication: Pick<Authentication, 'onAccessChange'>;
  streams: Pick<StreamRegistry, 'userChanged'>;
  audience: Pick<Audience, 'accessChanged'>;
  recordingAdmission: Pick<RecordingAdmission, 'accessChanged'>;
  hub: Pick<SocketServer, 'signOut'>;
};

/**
 * Applies every change of permissions to open resources. Publishers and viewers are authorized again by the rule that
 * admitted them; sockets whose sign-in ended are closed, and their clients leave all rooms. Changes of a livestream
 * (visibility, invitees) reach chat and audience by `Livestreams.onUpdate`.
 */
export function carryAccessChanges({
  authentication,
  streams,
  audience,
  recordingAdmission,
  hub,
}: AccessChangeTargets): void {
  authentication.onAccessChange((change) => {
    // A session or token that ends closes its sockets only; a broadcast depends on the account.
    if (change.credentialIds === undefined) void streams.userChanged(change.userId);
    audience.accessChanged(change);
    recordingAdmission.accessChanged(change);
    hub.signOut(({ principal }) => {
      const credentialId = principal.kind === 'account' ? principal.credentialId : undefined;
      return isAffected(change, { userId: userIdOf(principal), credentialId });
    });
  });
}
