export { writeAnswer } from './answer.js';
export { planPublisher, planViewer } from './negotiation.js';
export { type Offer, type OfferedMedia, parseOffer } from './offer.js';
export { readRemoteCandidates } from './remote-candidates.js';
export { parseTrickleFragment, type TrickleFragment } from './trickle-fragment.js';
export { writeViewerOffer } from './viewer-offer.js';
