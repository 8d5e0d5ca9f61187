import { exceedsPixels, pictureTooLarge, readH264CodedSize } from '../../media/index.js';
import { PublicError } from '../../platform/index.js';
import type { Offer } from '../../webrtc/index.js';

/** Base64 NAL units separated by commas (RFC 6184, section 8.1). */
const PARAMETER_SETS = /(?:^|;)\s*sprop-parameter-sets=([A-Za-z0-9+/=,]+)/;

/**
 * Refuses an offer whose H.264 parameter sets exceed the frame size limit. Most clients send parameter sets in RTP
 * packets only, where the size is checked later.
 *
 * @throws PublicError 406 `picture_too_large`
 */
export function refuseLargeFrames(offer: Offer, maxPixels: number): void {
  for (const { parameters = '' } of offer.media.flatMap(({ codecs }) => codecs))
    for (const set of PARAMETER_SETS.exec(parameters)?.[1]?.split(',') ?? []) {
      const size = readH264CodedSize(Buffer.from(set, 'base64'));
      if (size && exceedsPixels(size, maxPixels))
        throw new PublicError(406, 'picture_too_large', pictureTooLarge(size, maxPixels));
    }
}
