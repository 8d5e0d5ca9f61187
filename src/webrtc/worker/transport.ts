import datachannel, { type PeerConnection, type Track } from 'node-datachannel';
import type { LocalTransport, RemoteTransport } from '../media-plan.js';
import type { WorkerContext } from './context.js';
import type { PacketReceiver } from './packet-queue.js';
import { assertSafe, readLocalTransport, transportDescription } from './transport-description.js';

/** What a transport tells its peer. Nothing is called from inside a native callback. */
export type TransportOwner = PacketReceiver & {
  transportOpened(): void;
  /** The remote side has said goodbye, or is gone. */
  transportClosed(end: 'left' | 'lost'): void;
};

/** DTLS records; the path is known to carry this much with SRTP on top. */
const MTU = 1400;

/**
 * ICE, DTLS and SRTP with one remote side, on the worker's UDP port: packets in, packets out. An exception inside a
 * callback of node-datachannel aborts the process, so each is guarded and only puts something into a queue.
 */
export class Transport {
  /** Our side, when the candidates are gathered. Rejects when the remote side's description is of no use. */
  readonly local: Promise<LocalTransport>;
  #resolveLocal!: (local: LocalTransport) => void;
  #rejectLocal!: (error: Error) => void;
  readonly #context: WorkerContext;
  /** What the native callbacks see of this transport. They are kept for ever; this is emptied at the end. */
  readonly #handle: { transport: Transport | undefined } = { transport: this };
  /** The wrappers' destructors close what they wrap: both are held as long as the transport lives. */
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
    // Who asks for it gets the error; nobody has to.
    this.local.catch(() => {});
    const seen = this.#handle;
    connection.onTrack(guarded(seen, (transport, track) => transport.#attachTrack(track)));
    connection.onStateChange(guarded(seen, (transport, state) => transport.#stateChanged(state)));
    connection.onGatheringStateChange(
      guarded(seen, (transport, state) => transport.#gatheringStateChanged(state)),
    );
  }

  /** Answers the remote side's offer. @throws Error when it is of no use. */
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

  /** Makes the offer; `accept` takes the answer. */
  static offer(context: WorkerContext, name: string): Transport {
    const transport = new Transport(context, name);
    const media = new datachannel.Video('0', 'SendRecv');
    media.addVP8Codec(96);
    transport.#attachTrack(transport.#connection!.addTrack(media));
    transport.#connection!.setLocalDescription('offer');
    return transport;
  }

  /** The remote side's answer to our offer. @throws Error when it is of no use. */
  acceptAnswer(remote: RemoteTransport): void {
    assertSafe(remote);
    this.#connection?.setRemoteDescription(transportDescription(remote), 'answer');
  }

  /** From now on packets and events go there. */
  attachOwner(owner: TransportOwner): void {
    this.#owner = owner;
    if (this.#open) this.#notifyOpened();
  }

  /** Encrypts and sends; the memory may be used again at once. Gives false when it could not be sent. */
  send(packet: Buffer): boolean {
    if (!this.#open) return false;
    try {
      return this.#track!.sendMessageBinary(packet);
    } catch {
      return false;
    }
  }

  /** Idempotent; the owner hears nothing any more. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#open = false;
    this.#owner = undefined;
    this.#handle.transport = undefined;
    this.#rejectLocal(new Error('the connection was closed'));
    try {
      this.#connection?.close();
    } catch (error) {
      this.#context.log('warn', 'a connection could not be closed', error);
    }
    this.#connection = undefined;
    this.#track = undefined;
  }

  #gatheringStateChanged(state: string): void {
    if (state !== 'complete') return;
    const sdp = this.#connection?.localDescription()?.sdp ?? '';
    const local = readLocalTransport(sdp, this.#context.settings);
    if (local) this.#resolveLocal(local);
    else this.#rejectLocal(new Error('the local description is not complete'));
  }

  #attachTrack(track: Track): void {
    this.#track = track;
    const seen = this.#handle;
    track.onOpen(guarded(seen, (transport) => transport.#opened()));
    track.onError(guarded(seen, (transport, message) => transport.#failed(message)));
    track.onMessage(guarded(seen, (transport, packet) => transport.#receive(packet)));
    // The binding keeps a list of its tracks for `cleanup()`, and strikes a track off only when it has told somebody of
    // its end. One that is collected before leaves an address there at which another thing lives: so it is held till then.
    track.onClosed(() => void track);
    if (track.isOpen()) this.#opened();
  }

  #receive(packet: Buffer): void {
    if (this.#owner) this.#context.queue.push(this.#owner, packet);
  }

  #failed(error: unknown): void {
    this.#context.log('debug', 'a transport failed', error);
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
    // A goodbye (close_notify) shows as `disconnected` and `closed`; who is only silent becomes `failed` at last.
    if (state !== 'disconnected' && state !== 'closed' && state !== 'failed') return;
    this.#open = false;
    const end = state === 'failed' ? 'lost' : 'left';
    setImmediate(() => this.#owner?.transportClosed(end));
  }

  /** A callback failed. */
  callbackFailed(error: unknown): void {
    this.#context.log('error', 'a callback failed', error);
  }
}

/** A callback that never throws, and holds nothing of a transport that is closed. */
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
