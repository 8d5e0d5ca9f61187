import dgram from 'node:dgram';
import {
  isRtcp,
  RTCP,
  type RtcpVisitor,
  RtpHeader,
  readSenderReport,
  type SenderReport,
  startsKeyframe,
  visitRtcp,
} from '../../../media/index.js';
import type { RtcVideoCodec } from '../../media-plan.js';
import { LOOPBACK_PAYLOAD_TYPES } from '../../pool-types.js';
import type { WorkerContext } from '../context.js';
import type { Layer } from '../receive/layer.js';
import { MediaSource } from '../receive/media-source.js';
import { NO_ORIENTATION } from '../receive/packet-ring.js';
import { RtpReceiver } from '../receive/rtp-receiver.js';
import { PacketSocket } from './packet-socket.js';

const LOOPBACK = '127.0.0.1';
/** Holds a keyframe, which an encoder writes faster than this process is scheduled. */
const RECEIVE_BUFFER_BYTES = 4 << 20;
const PAIR_TRIES = 20;

export type RtpInputOptions = {
  mediaSourceId: string;
  video?: { codec: RtcVideoCodec };
  audio?: true;
  /** Path of the Unix socket for pictures of the gateway, in a folder that other users cannot enter. */
  picturePath: string;
};

/**
 * Receives RTP of this machine as a media source: from an encoder on loopback ports, or pictures of the gateway on a
 * Unix socket. Sends nothing back.
 */
export class RtpInput {
  readonly mediaSource: MediaSource;
  readonly #context: WorkerContext;
  readonly #ports: RtpPort[] = [];
  readonly #picturePath: string;
  #socket: PacketSocket | undefined;

  constructor(context: WorkerContext, options: RtpInputOptions) {
    this.#context = context;
    this.#picturePath = options.picturePath;
    this.mediaSource = new MediaSource({
      id: options.mediaSourceId,
      format: {
        ...(options.video ? { video: { codec: options.video.codec, rids: [''], fixedKeyframes: true } } : {}),
        audio: options.audio === true,
      },
      clock: context.clock,
      // Late packets of an encoder do not mean that its clock stopped.
      countsSamples: false,
      requestKeyframe: () => {},
    });
  }

  /** Opens the ports and the socket. @throws Error when no pair is free, or the socket fails */
  async start(): Promise<InputAddresses> {
    const addresses: InputAddresses = {};
    const [video] = this.mediaSource.layers;
    if (video) {
      const port = await this.#open(video, LOOPBACK_PAYLOAD_TYPES.video);
      addresses.videoPort = port.number;
      addresses.picturePath = await this.#listen(port);
    }
    const { audio } = this.mediaSource;
    if (audio) addresses.audioPort = (await this.#open(audio, LOOPBACK_PAYLOAD_TYPES.audio)).number;
    return addresses;
  }

  /** Idempotent. */
  close(): void {
    this.mediaSource.endSource();
    this.#socket?.close();
    for (const port of this.#ports.splice(0)) port.close();
  }

  async #listen(port: RtpPort): Promise<string> {
    this.#socket = new PacketSocket(this.#context, this.#picturePath, port);
    await this.#socket.start();
    return this.#picturePath;
  }

  async #open(layer: Layer, payloadType: number): Promise<RtpPort> {
    for (let i = 0; i < PAIR_TRIES; i++) {
      const pair = await openPair();
      if (!pair) continue;
      const port = new RtpPort(this.#context, pair, layer, payloadType);
      this.#ports.push(port);
      return port;
    }
    throw new Error('no two consecutive UDP ports are free on loopback');
  }
}

/** Loopback ports of the streams, and the path of the socket for pictures. */
export type InputAddresses = { videoPort?: number; audioPort?: number; picturePath?: string };

type Pair = { rtp: dgram.Socket; rtcp: dgram.Socket };

/** Opens an even port for RTP and the next one for RTCP (RFC 3550 section 11); undefined when they are not free. */
async function openPair(): Promise<Pair | undefined> {
  const rtp = await open(0);
  const port = rtp?.address().port ?? 1;
  const rtcp = port % 2 === 0 ? await open(port + 1) : undefined;
  if (rtp && rtcp) return { rtp, rtcp };
  rtp?.close();
  return undefined;
}

function open(port: number): Promise<dgram.Socket | undefined> {
  return new Promise((resolve) => {
    const socket = dgram.createSocket({ type: 'udp4', recvBufferSize: RECEIVE_BUFFER_BYTES });
    socket.once('error', () => {
      socket.close();
      resolve(undefined);
    });
    socket.bind(port, LOOPBACK, () => {
      socket.removeAllListeners('error');
      socket.on('error', () => {});
      resolve(socket);
    });
  });
}

/** Ports of one stream. Another stream (SSRC), of a restarted encoder or of the gateway, continues the layer. */
class RtpPort implements RtcpVisitor {
  readonly #context: WorkerContext;
  readonly #pair: Pair;
  readonly #layer: Layer;
  readonly #payloadType: number;
  readonly #header = new RtpHeader();
  #receiver: RtpReceiver | undefined;
  #pendingReport: SenderReport | undefined;

  constructor(context: WorkerContext, pair: Pair, layer: Layer, payloadType: number) {
    this.#context = context;
    this.#pair = pair;
    this.#layer = layer;
    this.#payloadType = payloadType;
    pair.rtp.on('message', (packet) => context.queue.push(this, packet));
    pair.rtcp.on('message', (packet) => context.queue.push(this, packet));
  }

  /** Number of the port for RTP. */
  get number(): number {
    return this.#pair.rtp.address().port;
  }

  receivePacket(packet: Buffer, at: number): void {
    if (isRtcp(packet)) {
      visitRtcp(packet, this);
      return;
    }
    const header = this.#header;
    if (!header.read(packet) || header.payloadType !== this.#payloadType) return;
    this.#context.counters.packetsIn++;
    const { ssrc } = header;
    if (this.#receiver?.ssrc !== ssrc) {
      if (this.#receiver && !this.#mayBegin(packet)) return;
      this.#receiver = new RtpReceiver({
        layer: this.#layer,
        ssrc,
        clock: this.#context.clock,
        nack: false,
        streamStarted: () => this.#pendingReport && this.#applyReport(this.#pendingReport),
      });
    }
    this.#receiver.acceptPacket(packet, header, NO_ORIENTATION, at);
  }

  /** Whether a stream may continue the layer with this packet: video with a keyframe alone. */
  #mayBegin(packet: Buffer): boolean {
    const { codec } = this.#layer;
    const { payloadOffset, payloadEnd } = this.#header;
    return codec === undefined || startsKeyframe(codec, packet, payloadOffset, payloadEnd);
  }

  rtcp(packet: Buffer, type: number, _count: number, offset: number, length: number): void {
    if (type !== RTCP.senderReport) return;
    const report = readSenderReport(packet, offset, length);
    if (report) this.#applyReport(report);
  }

  close(): void {
    this.#pair.rtp.close();
    this.#pair.rtcp.close();
  }

  /**
   * Applies a sender report. The first arrives before the first packet and is kept until then. The sender shares our
   * clock, and both streams have the same origin.
   */
  #applyReport(report: SenderReport): void {
    const known = this.#receiver?.ssrc === report.ssrc && this.#receiver.started;
    this.#pendingReport = known ? undefined : report;
    const moment = known && this.#receiver?.noteSenderReport(report);
    if (moment) this.#layer.applyReport(moment.time, moment.timestamp);
  }
}
