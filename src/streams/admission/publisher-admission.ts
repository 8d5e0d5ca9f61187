import type { SourceInfo } from '../../media/index.js';

/**
 * By what a publisher is let in: a stream key; or that they are signed in, where the room that they came through has found
 * them to be the livestream's broadcaster or an admin.
 */
export type PublisherCredential =
  | { streamKey: string; signedIn?: undefined }
  | { streamKey?: undefined; signedIn: { streamId: string /** Who, for the record. */; userId: string } };

/** What a publisher shows at the door. */
export type AdmitRequest = PublisherCredential & {
  protocol: SourceInfo['protocol'];
  /** The publisher's network address, without a port. */
  address: string;
};

/** A publisher's pass by itself. */
export function credentialOf(publisher: PublisherCredential): PublisherCredential {
  const { signedIn } = publisher;
  return signedIn ? { signedIn } : { streamKey: publisher.streamKey };
}

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
