import type { SourceInfo } from '../../media/index.js';

/**
 * Credential of a publisher: a stream key, or a sign-in that the ingest module has already authorized as the livestream's
 * broadcaster or an admin.
 */
export type PublisherCredential =
  | { streamKey: string; signedIn?: undefined }
  | {
      streamKey?: undefined;
      signedIn: { streamId: string /** Account that publishes, for reviews. */; userId: string };
    };

/** Request for admission of a publisher. */
export type AdmitRequest = PublisherCredential & {
  protocol: SourceInfo['protocol'];
  /** The publisher's network address, without a port. */
  address: string;
};

/** Returns the credential alone, without the publisher's connection. */
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
    | 'restream_loop'
    | 'shutting_down';
  /** A sentence for the broadcaster: encoders show it to their users. */
  message: string;
};

export type Admission =
  | {
      admitted: true;
      streamId: string;
      /** Id of the stream key, for `StreamRegistry.dropKey`. */
      keyId?: string;
    }
  | { admitted: false; refusal: Refusal };

/** Admits a publisher to a livestream or refuses it. Implemented by accounts, injected by the composition root. */
export type Admit = (request: AdmitRequest) => Promise<Admission>;
