import dgram from 'node:dgram';
import {
  RTCP,
  type RtcpVisitor,
  RtpHeader,
  readSenderReport,
  type SenderReport,
  visitRtcp,
} from '../../../media/index.js';
import type { RtcVideoCodec } from '../../media-plan.js';
import { LOOPBACK_PAYLOAD_TYPES } from '../../pool-types.js';
import type { WorkerContext } from '../context.js';
import type { Layer } from '../receive/layer.js';
import { MediaSource } from '../receive/media-source.js';
import { NO_ORIENTATION } from '../receive/packet-ring.js';
import { RtpReceiver } from '../receive/rtp-receiver.js';

const LOOPBACK = '127.0.0.1';
/** Holds a keyframe, which an encoder writes faster than this process is scheduled. */
const RECEIVE_BUFFER_BYTES = 4 << 20;
const PAIR_TRIES = 20;

export type RtpInputOptions = {
  mediaSourceId: string;
  video?: { codec: RtcVideoCodec };
  audio?: true;
};

/** Receives RTP from an encoder on this machine as a media source. Sends nothing back. */
export class RtpInput {
  readonly mediaSource: MediaSource;
  readonly #context: WorkerContext;
  readonly #ports: RtpPort[] = [];

  constructor(context: WorkerContext, options: RtpInputOptions) {
    this.#context = context;
    this.mediaSource = new MediaSource({
      id: options.mediaSourceId,
      format: {
        ...(options.video ? { video: { codec: options.video.codec, rids: [''] } } : {}),
        audio: options.audio === true,
      },
      clock: context.clock,
      // Late packets of an encoder do not mean that its clock stopped.
      countsSamples: false,
      requestKeyframe: () => {},
    });
  }

  /** Opens the ports. @throws Error when no pair is free */
  async start(): Promise<{ videoPort?: number; audioPort?: number }> {
    const ports: { videoPort?: number; audioPort?: number } = {};
    const [video] = this.mediaSource.layers;
    if (video) ports.videoPort = await this.#open(video, LOOPBACK_PAYLOAD_TYPES.video);
    if (this.mediaSource.audio)
      ports.audioPort = await this.#open(this.mediaSource.audio, LOOPBACK_PAYLOAD_TYPES.audio);
    return ports;
  }

  /** Idempotent. */
  close(): void {
    this.mediaSource.endSource();
    for (const port of this.#ports.splice(0)) port.close();
  }

  async #open(layer: Layer, payloadType: number): Promise<number> {
    for (let i = 0; i < PAIR_TRIES; i++) {
      const pair = await openPair();
      if (!pair) continue;
      this.#ports.push(new RtpPort(this.#context, pair, layer, payloadType));
      return pair.rtp.address().port;
    }
    throw new Error('no two consecutive UDP ports are free on loopback');
  }
}

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

/** Ports of one stream of an encoder. */
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
    const rtcp = { receivePacket: (packet: Buffer) => visitRtcp(packet, this) };
    pair.rtp.on('message', (packet) => context.queue.push(this, packet));
    pair.rtcp.on('message', (packet) => context.queue.push(rtcp, packet));
  }

  receivePacket(packet: Buffer, at: number): void {
    const header = this.#header;
    if (!header.read(packet) || header.payloadType !== this.#payloadType) return;
    this.#context.counters.packetsIn++;
    const { ssrc } = header;
    // A restarted encoder has another SSRC; the layer continues.
    if (this.#receiver?.ssrc !== ssrc)
      this.#receiver = new RtpReceiver({
        layer: this.#layer,
        ssrc,
        clock: this.#context.clock,
        nack: false,
        streamStarted: () => this.#pendingReport && this.#applyReport(this.#pendingReport),
      });
    this.#receiver.acceptPacket(packet, header, NO_ORIENTATION, at);
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
   * Applies a sender report. The first arrives before the first packet and is kept until then. The encoder shares our
   * clock, and both of its streams have the same origin.
   */
  #applyReport(report: SenderReport): void {
    const known = this.#receiver?.ssrc === report.ssrc && this.#receiver.started;
    this.#pendingReport = known ? undefined : report;
    const moment = known && this.#receiver?.noteSenderReport(report);
    if (moment) this.#layer.applyReport(moment.time, moment.timestamp);
  }
}
