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
  /** The network address, without a port. */
  address: string;
};

export type ViewerAdmission = {
  /** Stands for this viewer in every later request: signed, bound to the stream; the same one if it was shown and holds. */
  token: string;
  /** They watch as long as a connection lasts: call the returned function (idempotent) at its end. */
  hold(protocol: ViewerProtocol): () => void;
};

/** Decides who may watch, and counts them: one definition for every protocol. The root passes it to what serves media. */
export type ViewerGate = {
  /**
   * Lets a viewer in.
   *
   * @throws PublicError 401 or 403 `not_invited` (private), 503 `viewer_limit_reached`, 404 where the stream must not be known
   */
  admit(request: ViewerRequest): Promise<ViewerAdmission>;
  /**
   * A viewer's player asked for a playlist: they are still there. From memory, for the hot path.
   *
   * @returns false when the token is unknown here and has to be admitted.
   */
  seen(streamId: string, token: string, protocol: ViewerProtocol): boolean;
};
