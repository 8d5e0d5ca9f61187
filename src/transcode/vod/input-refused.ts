import { HeadendError } from '../../platform/index.js';

/** Why a video cannot be transcoded, however often it is tried. */
export type RefusalReason =
  | 'not_a_video'
  | 'no_picture'
  | 'picture_too_large'
  | 'too_long'
  | 'incomplete'
  | 'needs_too_much_memory';

/** Thrown for an input that cannot be transcoded, however often it is tried; `code` says why. */
export class InputRefused extends HeadendError {
  declare readonly code: RefusalReason;

  constructor(code: RefusalReason, message: string, options?: ErrorOptions) {
    super(code, message, options);
    this.name = 'InputRefused';
  }
}
