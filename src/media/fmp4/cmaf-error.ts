export type CmafErrorCode =
  | 'cmaf_box_invalid'
  | 'cmaf_init_invalid'
  | 'cmaf_fragment_invalid'
  | 'cmaf_out_of_order';

/** The bytes are not the CMAF that this gateway reads; no later byte can be parsed either. */
export class CmafError extends Error {
  readonly code: CmafErrorCode;

  constructor(code: CmafErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'CmafError';
    this.code = code;
  }
}
