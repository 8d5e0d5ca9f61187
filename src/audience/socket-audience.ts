import type { Principal } from '../accounts/index.js';
import { type BoundedCalls, type Logger, PublicError } from '../platform/index.js';
import type { Acknowledgement, MessageData, SocketClient, SocketFeature } from '../sockets/index.js';
import type { AdmittedViewer, ViewerProtocol } from '../streams/index.js';

/** The part of the audience that the socket events use. */
export type SocketAudienceOptions = {
  /** @throws PublicError */
  admit(
    principal: Principal,
    request: { streamId: string; token?: string | undefined; address: string },
  ): Promise<SocketAdmission>;
  viewingStatus(streamId: string): { viewers: number; state: string };
  replayHistory: ReplayHistory;
};

/**
 * Reads the chat history for a client that joins. Calls `enter` once to subscribe the client, and returns a function that
 * sends the history; undefined if nothing needs to be sent.
 */
export type ReplayHistory = (
  client: SocketClient,
  streamId: string,
  enter: () => void,
) => Promise<(() => void) | undefined>;

/** Subscribes the client without history if that is not read in time, so that a hanging database blocks no join. */
export function boundedReplay(
  greet: ReplayHistory | undefined,
  calls: BoundedCalls,
  log: Logger,
): ReplayHistory {
  return async (client, streamId, enter) => {
    let isEntered = false;
    const enterOnce = (): void => {
      if (!isEntered) enter();
      isEntered = true;
    };
    try {
      if (greet) return await calls.run(() => greet(client, streamId, enterOnce));
    } catch (error) {
      log.warn({ err: error, streamId }, 'chat history replay failed');
    }
    enterOnce();
    return undefined;
  };
}

/** A socket may hold a viewer that plays nothing, which is no protocol. */
export type SocketAdmission = Omit<AdmittedViewer, 'hold'> & {
  hold(protocol: ViewerProtocol | undefined, dismissed?: () => void, connected?: Promise<void>): () => void;
};

export type AudienceClient = Pick<
  SocketClient,
  'principal' | 'address' | 'signal' | 'send' | 'enter' | 'leave'
>;

/** The viewer of a client on a livestream; `release` is set while the client has joined. */
type JoinedViewer = { token: string; release?: (() => void) | undefined };

/** Livestreams that one client may join at the same time. */
const STREAMS_PER_CLIENT = 20;
const MAXIMUM_TOKEN_LENGTH = 1_200;

/**
 * Handles `join-livestream {streamId, viewerToken?, history?}`, acknowledged with `{streamId, viewerToken, viewers, state}`:
 * the client is a viewer until `leave-livestream {streamId}` or its disconnection. Sends `chat:history` on join unless
 * `history` is false, `viewers:count {streamId, viewers}` while joined, and `livestream:dismissed {streamId, code, message}`
 * when the permission ends.
 */
export class SocketAudience {
  readonly feature: SocketFeature;
  readonly #options: SocketAudienceOptions;
  readonly #clients = new WeakMap<AudienceClient, Map<string, JoinedViewer>>();

  constructor(options: SocketAudienceOptions) {
    this.#options = options;
    this.feature = {
      name: 'audience',
      events: {
        'join-livestream': (client, data) => this.#join(client, data),
        'leave-livestream': (client, data) => this.#leave(client, streamIdOf(data)),
      },
      clientDisconnected: (client) => this.#clientDisconnected(client),
    };
  }

  /** Admits a client for a connection that is signalled over its socket. @throws PublicError */
  async admit(client: AudienceClient, streamId: string, token?: string): Promise<SocketAdmission> {
    return (await this.#admit(client, streamId, token)).admission;
  }

  async #join(client: SocketClient, data: MessageData): Promise<Acknowledgement> {
    const streamId = streamIdOf(data);
    const { admission, joined } = await this.#admit(client, streamId, tokenOf(data));
    let afterSent: (() => void) | undefined;
    if (client.signal.aborted) admission.withdraw();
    else if (!joined.release) {
      joined.release = admission.hold(undefined, () => this.#viewerDismissed(client, streamId));
      const enter = (): void => {
        // The viewer may have been dismissed meanwhile.
        if (joined.release) client.enter(roomOf(streamId));
      };
      if (data.history === false) enter();
      else afterSent = await this.#options.replayHistory(client, streamId, enter);
    }
    const status = { streamId, viewerToken: joined.token, ...this.#options.viewingStatus(streamId) };
    return { data: status, ...(afterSent ? { afterSent } : {}) };
  }

  async #admit(
    client: AudienceClient,
    streamId: string,
    shown: string | undefined,
  ): Promise<{ admission: SocketAdmission; joined: JoinedViewer }> {
    const { principal, address } = client;
    // A client stays the same viewer, whatever token it sends later.
    const token = this.#of(client).get(streamId)?.token ?? shown;
    const admission = await this.#options.admit(principal, { streamId, token, address });
    const joinedStreams = this.#of(client);
    const joined = joinedStreams.get(streamId) ?? { token: admission.token };
    joined.token = admission.token;
    joinedStreams.set(streamId, joined);
    if (joinedStreams.size > STREAMS_PER_CLIENT) {
      const [left] = [...joinedStreams].find(([id, { release }]) => !release && id !== streamId) ?? [
        streamId,
      ];
      joinedStreams.delete(left);
      if (left === streamId) {
        admission.withdraw();
        throw new PublicError(409, 'too_many_livestreams', 'Leave a livestream before you join another one.');
      }
    }
    return { admission, joined };
  }

  #leave(client: AudienceClient, streamId: string): undefined {
    const joined = this.#clients.get(client)?.get(streamId);
    client.leave(roomOf(streamId));
    joined?.release?.();
    if (joined) joined.release = undefined;
  }

  #clientDisconnected(client: AudienceClient): void {
    for (const { release } of this.#clients.get(client)?.values() ?? []) release?.();
    this.#clients.delete(client);
  }

  #viewerDismissed(client: AudienceClient, streamId: string): void {
    const joined = this.#of(client).get(streamId);
    if (joined) joined.release = undefined;
    this.#clients.get(client)?.delete(streamId);
    client.leave(roomOf(streamId));
    const message = 'You may not watch this livestream any more.';
    client.send('livestream:dismissed', { streamId, code: 'stream_not_found', message });
  }

  #of(client: AudienceClient): Map<string, JoinedViewer> {
    let joinedStreams = this.#clients.get(client);
    if (!joinedStreams) {
      joinedStreams = new Map();
      this.#clients.set(client, joinedStreams);
    }
    return joinedStreams;
  }
}

function roomOf(streamId: string): string {
  return `stream:${streamId}`;
}

function streamIdOf({ streamId }: MessageData): string {
  if (typeof streamId === 'string') return streamId;
  throw new PublicError(400, 'validation_failed', 'streamId must be the id of a livestream.');
}

function tokenOf({ viewerToken }: MessageData): string | undefined {
  if (viewerToken === undefined || viewerToken === null) return undefined;
  if (typeof viewerToken === 'string' && viewerToken.length <= MAXIMUM_TOKEN_LENGTH) return viewerToken;
  throw new PublicError(
    400,
    'validation_failed',
    'viewerToken must be a viewer token issued by this server.',
  );
}
