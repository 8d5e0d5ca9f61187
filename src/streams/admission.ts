import type { SourceInfo } from '../media/index.js';

/** What a publisher shows at the door. */
export type AdmitRequest = {
  protocol: SourceInfo['protocol'];
  streamKey: string;
  /** The publisher's network address, without a port. */
  address: string;
};

export type Refusal = {
  /** Stable, for programs. */
  code:
    | 'stream_key_unknown'
    | 'stream_key_throttled'
    | 'stream_key_revoked'
    | 'stream_key_expired'
    | 'stream_key_protocol'
    | 'stream_key_address'
    | 'account_barred'
    | 'livestream_ended'
    | 'codec_unsupported'
    | 'capacity_reached'
    | 'temporarily_unavailable'
    | 'shutting_down';
  /** A sentence for the broadcaster: encoders show it to their users. */
  message: string;
};

export type Admission =
  | {
      admitted: true;
      streamId: string;
      /** Which key it was, for `Streams.dropKey`. */
      keyId?: string;
    }
  | { admitted: false; refusal: Refusal };

/** Decides whether a publisher may publish, and what. Implemented by the accounts room, passed in by the root. */
export type Admit = (request: AdmitRequest) => Promise<Admission>;
