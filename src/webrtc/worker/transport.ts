import datachannel, { type PeerConnection, type Track } from 'node-datachannel';
import type { LocalTransport, RemoteTransport } from '../media-plan.js';
import type { WorkerContext } from './context.js';
import type { PacketReceiver } from './packet-queue.js';
import { assertSafe, readLocalTransport, transportDescription } from './transport-description.js';

/** Owner of a transport, called outside native callbacks. */
export type TransportOwner = PacketReceiver & {
  transportOpened(): void;
  /** Closed by the remote side (`left`: DTLS close_notify) or by ICE timeout (`lost`). */
  transportClosed(end: 'left' | 'lost'): void;
};

/** MTU of DTLS records; leaves room for SRTP overhead. */
const MTU = 1400;

/**
 * ICE, DTLS and SRTP transport to one remote side on the worker's UDP port. An exception in a callback of
 * node-datachannel aborts the process, so callbacks are guarded and only enqueue.
 */
export class Transport {
  /**
   * Resolves with the local transport when candidates are gathered. Rejects when the remote description is unusable.
   */
  readonly local: Promise<LocalTransport>;
  #resolveLocal!: (local: LocalTransport) => void;
  #rejectLocal!: (error: Error) => void;
  readonly #context: WorkerContext;
  /** Reference held by the native callbacks, which are never released; cleared on close. */
  readonly #handle: { transport: Transport | undefined } = { transport: this };
  /** Held while the transport is open, because the wrappers' destructors close what they wrap. */
  #connection: PeerConnection | undefined;
  #track: Track | undefined;
  #owner: TransportOwner | undefined;
  #open = false;
  #closed = false;

  private constructor(context: WorkerContext, name: string) {
    const { settings } = context;
    this.#context = context;
    const connection = new datachannel.PeerConnection(name, {
      iceServers: [],
      enableIceUdpMux: true,
      portRangeBegin: settings.port,
      portRangeEnd: settings.port,
      mtu: MTU,
      disableAutoNegotiation: true,
      ...(settings.bindAddress === undefined ? {} : { bindAddress: settings.bindAddress }),
    });
    this.#connection = connection;
    this.local = new Promise((resolve, reject) => {
      this.#resolveLocal = resolve;
      this.#rejectLocal = reject;
    });
    // Avoids an unhandled rejection when `local` is not awaited.
    this.local.catch(() => {});
    const seen = this.#handle;
    connection.onTrack(guarded(seen, (transport, track) => transport.#attachTrack(track)));
    connection.onStateChange(guarded(seen, (transport, state) => transport.#stateChanged(state)));
    connection.onGatheringStateChange(
      guarded(seen, (transport, state) => transport.#gatheringStateChanged(state)),
    );
  }

  /** Creates a transport that answers the remote side's offer. @throws Error when the offer is unusable */
  static answer(context: WorkerContext, name: string, remote: RemoteTransport): Transport {
    assertSafe(remote);
    const transport = new Transport(context, name);
    try {
      transport.#connection?.setRemoteDescription(transportDescription(remote), 'offer');
      transport.#connection?.setLocalDescription('answer');
    } catch (error) {
      transport.close();
      throw error;
    }
    return transport;
  }

  /** Creates a transport that offers; `acceptAnswer` takes the answer. */
  static offer(context: WorkerContext, name: string): Transport {
    const transport = new Transport(context, name);
    const media = new datachannel.Video('0', 'SendRecv');
    media.addVP8Codec(96);
    transport.#attachTrack(transport.#connection!.addTrack(media));
    transport.#connection!.setLocalDescription('offer');
    return transport;
  }

  /** Applies the remote side's answer. @throws Error when it is unusable */
  acceptAnswer(remote: RemoteTransport): void {
    assertSafe(remote);
    this.#connection?.setRemoteDescription(transportDescription(remote), 'answer');
  }

  /** Sets the receiver of packets and events. */
  attachOwner(owner: TransportOwner): void {
    this.#owner = owner;
    if (this.#open) this.#notifyOpened();
  }

  /** Encrypts and sends a packet; its memory may be reused at once. @returns false when it could not be sent */
  send(packet: Buffer): boolean {
    if (!this.#open) return false;
    try {
      return this.#track!.sendMessageBinary(packet);
    } catch {
      return false;
    }
  }

  /** Closes the transport without calling its owner. Idempotent. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#open = false;
    this.#owner = undefined;
    this.#handle.transport = undefined;
    this.#rejectLocal(new Error('the transport was closed'));
    try {
      this.#connection?.close();
    } catch (error) {
      this.#context.log('warn', 'transport close failed', error);
    }
    this.#connection = undefined;
    this.#track = undefined;
  }

  #gatheringStateChanged(state: string): void {
    if (state !== 'complete') return;
    const sdp = this.#connection?.localDescription()?.sdp ?? '';
    const local = readLocalTransport(sdp, this.#context.settings);
    if (local) this.#resolveLocal(local);
    else this.#rejectLocal(new Error('the local description is incomplete'));
  }

  #attachTrack(track: Track): void {
    this.#track = track;
    const seen = this.#handle;
    track.onOpen(guarded(seen, (transport) => transport.#opened()));
    track.onError(guarded(seen, (transport, message) => transport.#failed(message)));
    track.onMessage(guarded(seen, (transport, packet) => transport.#receive(packet)));
    // The binding's `cleanup()` visits its list of tracks, and removes a track only when an `onClosed` callback has
    // run. A track collected earlier would leave a dangling pointer there, so this callback holds it.
    track.onClosed(() => void track);
    if (track.isOpen()) this.#opened();
  }

  #receive(packet: Buffer): void {
    if (this.#owner) this.#context.queue.push(this.#owner, packet);
  }

  #failed(error: unknown): void {
    this.#context.log('debug', 'transport track failed', error);
  }

  #opened(): void {
    if (this.#open || this.#closed) return;
    this.#open = true;
    this.#notifyOpened();
  }

  #notifyOpened(): void {
    setImmediate(() => this.#owner?.transportOpened());
  }

  #stateChanged(state: string): void {
    if (this.#closed) return;
    // close_notify appears as `disconnected` and `closed`; an ICE timeout as `failed`.
    if (state !== 'disconnected' && state !== 'closed' && state !== 'failed') return;
    this.#open = false;
    const end = state === 'failed' ? 'lost' : 'left';
    setImmediate(() => this.#owner?.transportClosed(end));
  }

  /** Logs an exception in a callback. */
  callbackFailed(error: unknown): void {
    this.#context.log('error', 'transport callback failed', error);
  }
}

/** Wraps a callback so that it never throws and holds no reference to a closed transport. */
function guarded<Parameters extends unknown[]>(
  seen: { readonly transport: Transport | undefined },
  task: (transport: Transport, ...parameters: Parameters) => void,
): (...parameters: Parameters) => void {
  return (...parameters) => {
    const { transport } = seen;
    if (!transport) return;
    try {
      task(transport, ...parameters);
    } catch (error) {
      transport.callbackFailed(error);
    }
  };
}
