import {
  announcedParameterSets,
  exceedsPixels,
  pictureTooLarge,
  readH264CodedSize,
} from '../../media/index.js';
import { PublicError } from '../../platform/index.js';
import type { Offer } from '../../webrtc/index.js';

/**
 * Refuses an offer whose H.264 parameter sets exceed the frame size limit. Most clients send parameter sets in RTP
 * packets only, where the size is checked later.
 *
 * @throws PublicError 406 `picture_too_large`
 */
export function refuseLargeFrames(offer: Offer, maxPixels: number): void {
  for (const { parameters = '' } of offer.media.flatMap(({ codecs }) => codecs))
    for (const set of announcedParameterSets(parameters)) {
      const size = readH264CodedSize(set);
      if (size && exceedsPixels(size, maxPixels))
        throw new PublicError(406, 'picture_too_large', pictureTooLarge(size, maxPixels));
    }
}
