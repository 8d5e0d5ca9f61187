/** How somebody watches. */
export type ViewerProtocol = 'whep' | 'll-hls' | 'hls';

/** What somebody who wants to watch shows. */
export type ViewerRequest = {
  streamId: string;
  /** A viewer token as given before, if they have one. */
  token?: string | undefined;
  authorization?: string | undefined;
  cookie?: string | undefined;
  origin?: string | undefined;
  /** What the request calls the server. */
  host?: string | undefined;
  /** The network address, without a port. */
  address: string;
};

/** For whom a livestream is: what the invited alone may have is kept by no cache. */
export type AccessScope = 'everybody' | 'invited';

export type AdmittedViewer = {
  /** Stands for this viewer in every later request: signed, bound to the stream; the same one if it was shown and holds. */
  token: string;
  /**
   * They watch as long as a connection lasts: call the returned function (idempotent) at its end.
   *
   * @param dismissed called when they may not watch any more: the connection has to end.
   * @param connected resolves when the connection is established: they count from then on. By default it is.
   */
  hold(protocol: ViewerProtocol, dismissed?: () => void, connected?: Promise<void>): () => void;
  /**
   * Has the permission checked at every change of it, until the returned function (idempotent) is called: for what is
   * kept open without watching. It needs no call while there is a hold.
   *
   * @param revoked called once, when the permission is gone. Must not throw.
   */
  onRevoked(revoked: () => void): () => void;
  /** They do not come after all: frees the place of somebody who has given no sign of life. */
  withdraw(): void;
};

/** Decides who may watch, and counts them: one definition for every protocol. The root passes it to what serves media. */
export type ViewerAdmission = {
  /**
   * Lets a viewer in. They have a place from now on, and count when they hold a connection or ask for a media playlist.
   *
   * @throws PublicError 404 `stream_not_found` where there is none or it must not be known, 503 `viewer_limit_reached`, 429
   */
  admit(request: ViewerRequest): Promise<AdmittedViewer>;
  /**
   * A viewer's player asked for a playlist: they are still there. From memory, for the hot path.
   *
   * @returns undefined when the token is unknown here: `pass` decides.
   */
  recordActivity(streamId: string, token: string, protocol: ViewerProtocol): AccessScope | undefined;
  /**
   * Lets a request for a media playlist pass that `seen` did not: it counts where its token holds; without one it passes
   * uncounted where everybody may watch.
   *
   * @param protocol undefined for an initialization section, segment or part, which counts for nothing.
   * @throws as `admit`
   */
  admitPlaylistRequest(request: ViewerRequest, protocol: ViewerProtocol | undefined): Promise<AccessScope>;
  /**
   * Whether a request for an initialization section, segment or part may be answered. From memory, for the hot path.
   *
   * @param token the viewer's, if one was shown; needed where the livestream is private.
   * @returns undefined when that is not known here: `pass` decides.
   */
  mediaAccess(streamId: string, token: string | undefined): AccessScope | undefined;
};

/** Lets everybody watch, and counts nobody. */
export const ADMIT_EVERY_VIEWER: ViewerAdmission = {
  admit: async () => ({ token: '', hold: () => () => {}, onRevoked: () => () => {}, withdraw() {} }),
  recordActivity: () => 'everybody',
  admitPlaylistRequest: async () => 'everybody',
  mediaAccess: () => 'everybody',
};
