import dgram from 'node:dgram';
import { SrtpProtector } from '../../../media/index.js';
import type { WorkerContext } from '../context.js';
import type { MediaSource } from '../receive/media-source.js';
import { OutputTrack } from './output-track.js';
import { type PacketSender, RtpSink } from './rtp-sink.js';
import { SourceOutput } from './source-output.js';

const SEND_BUFFER_BYTES = 4 << 20;

/**
 * Sends a source's best layer and audio as RTP, or SRTP if there is a key, to loopback ports: contiguous sequence
 * numbers, sender reports first.
 */
export class RtpOutput {
  readonly #socket: dgram.Socket;
  readonly #sinks: RtpSink[] = [];
  readonly #output: SourceOutput;
  #closed = false;

  /** @param closed called when the source has ended. */
  constructor(
    context: WorkerContext,
    mediaSource: MediaSource,
    options: { videoPort?: number; audioPort?: number; srtpKey?: string },
    closed: () => void,
  ) {
    this.#socket = dgram.createSocket({ type: 'udp4', sendBufferSize: SEND_BUFFER_BYTES });
    this.#socket.on('error', (error) => context.log('debug', 'RTP output socket failed', error));
    const { videoPort, audioPort, srtpKey } = options;
    const track = (kind: 'video' | 'audio', port: number): OutputTrack => {
      const sink = new RtpSink(context.clock, createSender(this.#socket, srtpKey), kind, port);
      this.#sinks.push(sink);
      return new OutputTrack(context.clock, kind, sink);
    };
    this.#output = new SourceOutput({
      context,
      mediaSource,
      video: videoPort !== undefined && mediaSource.format.video ? track('video', videoPort) : undefined,
      audio: audioPort !== undefined && mediaSource.audio ? track('audio', audioPort) : undefined,
      sourceEnded: () => {
        this.close();
        closed();
      },
    });
  }

  /** Idempotent. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#output.close();
    this.#socket.close();
  }

  /** Sends RTCP BYE, so that the receiver ends on its own. */
  async sendEndOfStream(): Promise<void> {
    if (this.#closed) return;
    await Promise.all(this.#sinks.map((sink) => sink.sendEndOfStream()));
  }
}

/** Creates the sender of one RTP stream: an SRTP context is per stream. */
function createSender(socket: dgram.Socket, srtpKey: string | undefined): PacketSender {
  if (srtpKey === undefined) return socket;
  const protector = new SrtpProtector(srtpKey);
  return {
    send: (packet, port, address, sent) => socket.send(protector.protect(packet), port, address, sent),
  };
}
