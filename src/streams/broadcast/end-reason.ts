/** Reason for the end of a publication (one connection). */
export type PublicationEnd =
  | 'publisher-left'
  | 'publisher-lost'
  | 'protocol-error'
  | 'replaced'
  | 'kicked'
  | 'key-revoked'
  | 'account-barred'
  | 'sign-in-barred'
  | 'ended-by-owner'
  | 'transcoder-failed'
  | 'shutdown';

/** Reason for the end of a broadcast (one run of a livestream). */
export type BroadcastEnd =
  | 'grace-expired'
  | 'never-started'
  | 'ended-by-owner'
  | 'key-revoked'
  | 'account-barred'
  | 'transcoder-failed'
  | 'found-dead'
  | 'shutdown';

export type PublicationEndPolicy = {
  /** Effect on the broadcast: hold for a reconnect, continue with the next publisher, or end for this reason. */
  broadcast: 'hold' | 'continue' | BroadcastEnd;
  /** Message to the publisher, where the connection is still open. */
  message: string;
  level: 'info' | 'warn';
};

/** Policy of every reason. Code that ends publications reads it here and decides nothing itself. */
export const PUBLICATION_END: Record<PublicationEnd, PublicationEndPolicy> = {
  'publisher-left': { broadcast: 'hold', message: 'Unpublished.', level: 'info' },
  'publisher-lost': { broadcast: 'hold', message: 'The connection was lost.', level: 'warn' },
  'protocol-error': {
    broadcast: 'hold',
    message: 'The stream is malformed: check the encoder.',
    level: 'warn',
  },
  replaced: { broadcast: 'continue', message: 'Another encoder took over with the same key.', level: 'info' },
  kicked: { broadcast: 'hold', message: 'The operator closed this connection.', level: 'info' },
  'key-revoked': { broadcast: 'key-revoked', message: 'The stream key was revoked.', level: 'info' },
  'account-barred': {
    broadcast: 'account-barred',
    message: 'This account may not broadcast any more: ask an administrator.',
    level: 'info',
  },
  'sign-in-barred': {
    broadcast: 'hold',
    message: 'You may not broadcast this livestream any more.',
    level: 'info',
  },
  'ended-by-owner': { broadcast: 'ended-by-owner', message: 'The livestream was ended.', level: 'info' },
  'transcoder-failed': {
    broadcast: 'transcoder-failed',
    message: 'The server could not process this stream.',
    level: 'warn',
  },
  shutdown: { broadcast: 'shutdown', message: 'The server is restarting: please reconnect.', level: 'info' },
};

export type BroadcastEndPolicy = {
  /** Message to viewers. */
  viewers: string;
  /**
   * `endlist`: the playlist is complete (EXT-X-ENDLIST). `hold`: it stays open, so that players wait and continue
   * when the same broadcast resumes.
   */
  playlist: 'endlist' | 'hold';
  /** The row in the database is closed. If not, the next start of the gateway resumes the broadcast. */
  closesRow: boolean;
  /** A later publication with the same key may start a new broadcast of this stream. */
  reopens: boolean;
  level: 'info' | 'warn';
};

export const BROADCAST_END: Record<BroadcastEnd, BroadcastEndPolicy> = {
  'grace-expired': {
    viewers: 'The broadcast is over.',
    playlist: 'endlist',
    closesRow: true,
    reopens: true,
    level: 'info',
  },
  'never-started': {
    viewers: 'The broadcast did not start.',
    playlist: 'endlist',
    closesRow: true,
    reopens: true,
    level: 'warn',
  },
  'ended-by-owner': {
    viewers: 'The broadcast is over.',
    playlist: 'endlist',
    closesRow: true,
    reopens: false,
    level: 'info',
  },
  'key-revoked': {
    viewers: 'The broadcast was stopped.',
    playlist: 'endlist',
    closesRow: true,
    reopens: true,
    level: 'info',
  },
  'account-barred': {
    viewers: 'The broadcast was stopped: its broadcaster may not broadcast any more.',
    playlist: 'endlist',
    closesRow: true,
    reopens: true,
    level: 'info',
  },
  'transcoder-failed': {
    viewers: 'The broadcast was stopped by a fault of the server.',
    playlist: 'endlist',
    closesRow: true,
    reopens: true,
    level: 'warn',
  },
  'found-dead': {
    viewers: 'The broadcast is over.',
    playlist: 'endlist',
    closesRow: true,
    reopens: true,
    level: 'warn',
  },
  shutdown: {
    viewers: 'The server is restarting.',
    playlist: 'hold',
    closesRow: false,
    reopens: true,
    level: 'info',
  },
};
