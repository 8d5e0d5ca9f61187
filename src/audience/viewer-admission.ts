import type { AdmissionControl, Admitted } from './admission-control.js';
import type { OpenAdmissions } from './open-admissions.js';
import type { SocketAdmission } from './socket-audience.js';
import type { ViewerReview } from './viewer-review.js';
import type { Viewers } from './viewers.js';

export type ViewerAdmissionOptions = {
  viewers: Viewers;
  admissions: OpenAdmissions;
  door: Pick<AdmissionControl, 'epoch'>;
  review: Pick<ViewerReview, 'review'>;
};

/** The admission of a viewer, as `ViewerGate.admit` gives it: what it opens is reviewed at each change of permissions. */
export function viewerAdmission(
  { viewer, token, epoch }: Admitted,
  { viewers, admissions, door, review }: ViewerAdmissionOptions,
): SocketAdmission {
  const { streamId, id, identity } = viewer;
  // A viewer who gave no sign of life is forgotten after a while, and may have been admitted again.
  const now = (): typeof viewer => viewers.find(streamId, id) ?? viewer;
  // A review before anything was open did not include what is opened now.
  const reviewLate = (): void => {
    if (door.epoch !== epoch) void review.review(streamId);
  };
  return {
    token,
    hold: (protocol, dismissed, connected) => {
      const release = viewers.hold(now(), { protocol, dismissed }, connected);
      reviewLate();
      // A forgotten viewer is among those who are reviewed only from when the connection is established.
      void connected?.then(reviewLate);
      return release;
    },
    onRevoked: (revoked) => {
      const close = admissions.add(streamId, { identity, revoked });
      reviewLate();
      return close;
    },
    withdraw: () => viewers.withdraw(now()),
  };
}
