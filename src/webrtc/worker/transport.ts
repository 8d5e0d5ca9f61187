import datachannel, { type PeerConnection, type Track } from 'node-datachannel';
import type { LocalTransport, RemoteTransport } from '../media-plan.js';
import type { WorkerContext } from './context.js';
import type { PacketReceiver } from './packet-queue.js';
import {
  assertSafe,
  MEDIA_ID,
  PAYLOAD_TYPE,
  readLocalTransport,
  transportDescription,
} from './transport-description.js';

/** Owner of a transport, called outside native callbacks. */
export type TransportOwner = PacketReceiver & {
  transportOpened(): void;
  /** Closed by the remote side (`left`: DTLS close_notify) or by ICE timeout (`lost`). */
  transportClosed(end: 'left' | 'lost'): void;
};

/** MTU of DTLS records; leaves room for SRTP overhead. */
const MTU = 1400;
/** Interval at which a state without a callback is read, ms: the first ones, and the longest. */
const POLL_MS = { first: 1, longest: 32 } as const;

/**
 * ICE, DTLS and SRTP transport to one remote side on the worker's UDP port. An exception in a callback of
 * node-datachannel aborts the process, so callbacks are guarded and only enqueue.
 *
 * Each callback is a libuv async handle, and libuv visits all handles at each wake of the process. Hence three callbacks
 * a transport: the constructors of the library create those for state changes and for closed tracks anyway, packets
 * need one. The track is added before the remote description, and gathering and opening are polled.
 */
export class Transport {
  /**
   * Resolves with the local transport when candidates are gathered. Rejects when the remote description is unusable.
   */
  readonly local: Promise<LocalTransport>;
  #resolveLocal!: (local: LocalTransport) => void;
  #rejectLocal!: (error: Error) => void;
  readonly #context: WorkerContext;
  /** Reference held by the native callbacks, which outlive the transport; cleared on close. */
  readonly #handle: { transport: Transport | undefined } = { transport: this };
  /** Held while the transport is open, because the wrappers' destructors close what they wrap. */
  #connection: PeerConnection | undefined;
  #track: Track | undefined;
  #owner: TransportOwner | undefined;
  readonly #life = new AbortController();
  #open = false;

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
    connection.onStateChange(guarded(this.#handle, (transport, state) => transport.#stateChanged(state)));
    const media = new datachannel.Video(MEDIA_ID, 'SendRecv');
    media.addVP8Codec(PAYLOAD_TYPE);
    this.#track = this.#listen(connection.addTrack(media));
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
    transport.#awaitCandidates();
    return transport;
  }

  /** Creates a transport that offers; `acceptAnswer` takes the answer. */
  static offer(context: WorkerContext, name: string): Transport {
    const transport = new Transport(context, name);
    transport.#connection!.setLocalDescription('offer');
    transport.#awaitCandidates();
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
    if (this.#life.signal.aborted) return;
    this.#life.abort();
    this.#open = false;
    this.#owner = undefined;
    this.#handle.transport = undefined;
    this.#rejectLocal(new Error('the transport was closed'));
    try {
      // Releases the track's callbacks at once; the connection's `close` leaves them until garbage collection.
      this.#track?.close();
      this.#connection?.close();
    } catch (error) {
      this.#context.log('warn', 'transport close failed', error);
    }
    this.#connection = undefined;
    this.#track = undefined;
  }

  /** Reads the local description when all candidates are gathered, about 1 ms after it was set. */
  #awaitCandidates(): void {
    this.#poll(
      () => this.#connection?.gatheringState() === 'complete',
      (complete) => {
        const sdp = complete ? (this.#connection?.localDescription()?.sdp ?? '') : '';
        const local = readLocalTransport(sdp, this.#context.settings);
        if (local) this.#resolveLocal(local);
        else this.#rejectLocal(new Error('the local description is incomplete'));
      },
    );
  }

  /** Waits for the track, which opens at once after the connection. */
  #awaitOpen(): void {
    this.#poll(
      () => this.#track?.isOpen() === true,
      (open) => open && this.#opened(),
    );
  }

  /** Reads a state until it holds, the connect timeout has passed, or the transport is closed. */
  #poll(holds: () => boolean, finished: (held: boolean) => void): void {
    const { clock, settings } = this.#context;
    const end = clock.monotonic() + settings.timeouts.connectMs;
    const read = (waitMs: number): void => {
      if (holds()) finished(true);
      else if (clock.monotonic() >= end) finished(false);
      else clock.after(waitMs, () => read(Math.min(waitMs * 2, POLL_MS.longest)), this.#life.signal);
    };
    read(POLL_MS.first);
  }

  #listen(track: Track): Track {
    track.onMessage(guarded(this.#handle, (transport, packet) => transport.#receive(packet)));
    // The binding's `cleanup()` visits its list of tracks, and removes a track only when an `onClosed` callback has
    // run. A track collected earlier would leave a dangling pointer there, so this callback holds it.
    track.onClosed(() => void track);
    return track;
  }

  #receive(packet: Buffer): void {
    if (this.#owner) this.#context.queue.push(this.#owner, packet);
  }

  #opened(): void {
    if (this.#open || this.#life.signal.aborted) return;
    this.#open = true;
    this.#notifyOpened();
  }

  #notifyOpened(): void {
    setImmediate(() => this.#owner?.transportOpened());
  }

  #stateChanged(state: string): void {
    if (this.#life.signal.aborted) return;
    if (state === 'connected') this.#awaitOpen();
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
