/** Protocol of a viewer. */
export type ViewerProtocol = 'whep' | 'll-hls' | 'hls' | 'dash';

/** Request of a viewer for admission. */
export type ViewerRequest = {
  streamId: string;
  /** Viewer token of an earlier admission. */
  token?: string | undefined;
  authorization?: string | undefined;
  cookie?: string | undefined;
  origin?: string | undefined;
  /** `Host` header of the request. */
  host?: string | undefined;
  /** The network address, without a port. */
  address: string;
};

/** Audience of a livestream: responses for `invited` must not be stored by shared caches. */
export type AccessScope = 'everybody' | 'invited';

export type AdmittedViewer = {
  /** Signed viewer token, bound to the stream, for later requests; the one presented if it is still valid. */
  token: string;
  /**
   * Counts the viewer for as long as a connection lasts. Call the returned function (idempotent) when it closes.
   *
   * @param dismissed called when the permission is revoked: close the connection.
   * @param connected resolves when the connection is established, which begins the count. Default: already established.
   */
  hold(protocol: ViewerProtocol, dismissed?: () => void, connected?: Promise<void>): () => void;
  /**
   * Reviews the permission at every change until the returned function (idempotent) is called: for resources that stay
   * open without counting as a viewer. Not needed while a `hold` lasts.
   *
   * @param revoked called once, when the permission is revoked. Must not throw.
   */
  onRevoked(revoked: () => void): () => void;
  /** Frees the place of a viewer that has shown no activity since admission. */
  withdraw(): void;
};

/** Admits and counts viewers, for every protocol. Implemented by audience, injected into WHEP and HLS egress. */
export type ViewerAdmission = {
  /**
   * Admits a viewer and reserves a place. A connection held or a media playlist requested makes them count.
   *
   * @throws PublicError 404 `stream_not_found`, also for private livestreams so that they cannot be probed, 503 `viewer_limit_reached`, 429
   */
  admit(request: ViewerRequest): Promise<AdmittedViewer>;
  /**
   * Records that a viewer's player requested a playlist. Answers from memory, for the hot path.
   *
   * @returns undefined when the token is not in memory: call `admitPlaylistRequest`
   */
  recordActivity(streamId: string, token: string, protocol: ViewerProtocol): AccessScope | undefined;
  /**
   * Admits a request that `recordActivity` or `mediaAccess` could not decide. Counts the viewer if the token is valid; a
   * request without token is admitted uncounted where everybody may watch.
   *
   * @param protocol undefined for an initialization section, segment or part, which is not counted
   * @throws as `admit`
   */
  admitPlaylistRequest(request: ViewerRequest, protocol: ViewerProtocol | undefined): Promise<AccessScope>;
  /**
   * Decides whether an initialization section, segment or part may be served. Answers from memory, for the hot path.
   *
   * @param token viewer token; required where the livestream is private
   * @returns undefined when that is not in memory: call `admitPlaylistRequest`
   */
  mediaAccess(streamId: string, token: string | undefined): AccessScope | undefined;
};

/** Admission without rules: every viewer is admitted, none is counted. */
export const ADMIT_EVERY_VIEWER: ViewerAdmission = {
  admit: async () => ({ token: '', hold: () => () => {}, onRevoked: () => () => {}, withdraw() {} }),
  recordActivity: () => 'everybody',
  admitPlaylistRequest: async () => 'everybody',
  mediaAccess: () => 'everybody',
};
