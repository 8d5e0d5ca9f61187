import type { AdmissionControl, Admitted } from './admission-control.js';
import type { OpenAdmissions } from './open-admissions.js';
import type { SocketAdmission } from './socket-audience.js';
import type { ViewerReview } from './viewer-review.js';
import type { Viewers } from './viewers.js';

export type ViewerAdmissionOptions = {
  viewers: Viewers;
  admissions: OpenAdmissions;
  admissionControl: Pick<AdmissionControl, 'epoch'>;
  review: Pick<ViewerReview, 'review'>;
};

/** Creates the result of `ViewerAdmission.admit`. Everything opened through it is reviewed at each change of permissions. */
export function viewerAdmission(
  { viewer, token, epoch }: Admitted,
  { viewers, admissions, admissionControl, review }: ViewerAdmissionOptions,
): SocketAdmission {
  const { streamId, id, identity } = viewer;
  // An inactive viewer is removed after a while, and may have been admitted again as another object.
  const now = (): typeof viewer => viewers.find(streamId, id) ?? viewer;
  // An earlier review did not include what is opened now.
  const reviewIfChanged = (): void => {
    if (admissionControl.epoch !== epoch) void review.review(streamId);
  };
  return {
    token,
    hold: (protocol, onDismissed, connected) => {
      const release = viewers.hold(now(), { protocol, onDismissed }, connected);
      reviewIfChanged();
      // A removed viewer is part of reviews again only when the connection is established.
      void connected?.then(reviewIfChanged);
      return release;
    },
    onRevoked: (onRevoked) => {
      const close = admissions.add(streamId, { identity, onRevoked });
      reviewIfChanged();
      return close;
    },
    withdraw: () => viewers.withdraw(now()),
  };
}
