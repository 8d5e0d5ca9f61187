import dgram from 'node:dgram';
import { SrtpProtector } from '../../media/index.js';
import type { WorkerContext } from './context.js';
import type { Feed } from './feed.js';
import { FeedOutput } from './feed-output.js';
import { OutputTrack } from './output-track.js';
import { type PacketSender, RtpSink } from './rtp-sink.js';

const SEND_BUFFER = 4 << 20;

/** Sends a feed's best layer and its sound as RTP to ports on loopback: without holes in the numbers, sender reports first. */
export class RtpOutput {
  readonly #socket: dgram.Socket;
  readonly #sinks: RtpSink[] = [];
  readonly #output: FeedOutput;
  #closed = false;

  /** @param closed Called when the feed has ended. */
  constructor(
    context: WorkerContext,
    feed: Feed,
    to: { videoPort?: number; audioPort?: number; srtpKey?: string },
    closed: () => void,
  ) {
    this.#socket = dgram.createSocket({ type: 'udp4', sendBufferSize: SEND_BUFFER });
    this.#socket.on('error', (error) => context.log('debug', 'an RTP output failed', error));
    const { videoPort, audioPort, srtpKey } = to;
    const track = (kind: 'video' | 'audio', port: number): OutputTrack => {
      const sink = new RtpSink(context.clock, senderOf(this.#socket, srtpKey), kind, port);
      this.#sinks.push(sink);
      return new OutputTrack(context.clock, kind, sink);
    };
    this.#output = new FeedOutput({
      context,
      feed,
      video: videoPort !== undefined && feed.shape.video ? track('video', videoPort) : undefined,
      audio: audioPort !== undefined && feed.audio ? track('audio', audioPort) : undefined,
      ended: () => {
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

  /** Has the receiver end by itself: nobody else will end it. */
  async sayGoodbye(): Promise<void> {
    if (this.#closed) return;
    await Promise.all(this.#sinks.map((sink) => sink.sayGoodbye()));
  }
}

/** Sends the packets of one stream, protected where there is a key. */
function senderOf(socket: dgram.Socket, srtpKey: string | undefined): PacketSender {
  if (srtpKey === undefined) return socket;
  const protector = new SrtpProtector(srtpKey);
  return {
    send: (packet, port, address, sent) => socket.send(protector.protect(packet), port, address, sent),
  };
}
