import { receiverReport } from '../../../src/media/index.js';
import { createLog, type Logger, systemClock } from '../../../src/platform/index.js';
import {
  createWebrtcPool,
  type NegotiatedFeedback,
  type PublisherPlan,
  type PublishingPeer,
  type ViewerEvent,
  type ViewerPlan,
  type ViewingPeer,
  type WebrtcPool,
  type WebrtcPoolOptions,
} from '../../../src/webrtc/index.js';
import { type RtcPeer, RtcPeers } from '../clients/rtc-peers.js';
import { freeUdpPorts } from '../fixtures/free-udp-ports.js';

export const FEEDBACK: NegotiatedFeedback = {
  nack: true,
  pli: true,
  fir: true,
  remb: true,
  transportCc: true,
};

/** Payload types, SSRCs and header extensions of the test peers. */
export const VIDEO = { payloadType: 102, rtxPayloadType: 103, ssrc: 7000, rtxSsrc: 7001 };
export const AUDIO = { payloadType: 111, ssrc: 8000 };
export const VIEW = {
  video: 45,
  rtx: 46,
  vp8: 47,
  audio: 63,
  videoSsrc: 1111,
  rtxSsrc: 1112,
  audioSsrc: 2222,
};
export const EXTENSIONS = { mid: 1, transportSequence: 2, rid: 3, repairedRid: 4, orientation: 5 };

export function publisherPlan(overrides: Partial<NonNullable<PublisherPlan['video']>> = {}): PublisherPlan {
  return {
    kind: 'publisher',
    video: {
      codec: 'h264',
      payloadType: VIDEO.payloadType,
      rtxPayloadType: VIDEO.rtxPayloadType,
      mid: '0',
      extensions: EXTENSIONS,
      feedback: FEEDBACK,
      rids: [],
      ...overrides,
    },
    audio: {
      payloadType: AUDIO.payloadType,
      mid: '1',
      extensions: EXTENSIONS,
      feedback: { ...FEEDBACK, nack: false },
    },
  };
}

export function viewerPlan(overrides: Partial<NonNullable<ViewerPlan['video']>> = {}): ViewerPlan {
  return {
    kind: 'viewer',
    video: {
      mid: '0',
      codecs: [
        {
          codec: 'h264',
          payloadType: VIEW.video,
          rtxPayloadType: VIEW.rtx,
          parameters: 'packetization-mode=1',
        },
        { codec: 'vp8', payloadType: VIEW.vp8 },
      ],
      extensions: { orientation: 6 },
      feedback: FEEDBACK,
      ssrc: VIEW.videoSsrc,
      rtxSsrc: VIEW.rtxSsrc,
      ...overrides,
    },
    audio: { payloadType: VIEW.audio, mid: '1', extensions: {}, feedback: FEEDBACK, ssrc: VIEW.audioSsrc },
  };
}

type Teardown = { teardown(task: () => Promise<void> | void): void };

/** Starts a pool on free loopback ports, and peers for it; both stop with the test. */
export async function startWebrtcPool(
  t: Teardown,
  options: Partial<WebrtcPoolOptions> = {},
): Promise<{ pool: WebrtcPool; peers: RtcPeers; firstPort: number }> {
  const workers = options.workers ?? 1;
  const firstPort = await freeUdpPorts(workers);
  const log: Logger = options.log ?? createLog('silent');
  const pool = createWebrtcPool({
    workers,
    firstPort,
    bindAddress: '127.0.0.1',
    publicIps: [],
    clock: systemClock,
    log,
    ...options,
  });
  t.teardown(() => pool.close());
  const [peers] = await Promise.all([RtcPeers.start(), pool.start()]);
  t.teardown(() => peers.kill());
  return { pool, peers, firstPort };
}

/** Connects a publisher. */
export async function connectPublisher(
  pool: WebrtcPool,
  peers: RtcPeers,
  mediaSourceId: string,
  plan: PublisherPlan = publisherPlan(),
  maximumBitrate = 3_000_000,
): Promise<{ peer: RtcPeer; publishing: PublishingPeer }> {
  const peer = await peers.create();
  const publishing = await pool.publish({ mediaSourceId, remote: peer.remote, plan, maximumBitrate });
  await peer.connect(publishing.local);
  await publishing.connected;
  return { peer, publishing };
}

/** Connected viewer that sends receiver reports and sorts its packets by SSRC. */
export class TestViewer {
  readonly peer: RtcPeer;
  readonly viewing: ViewingPeer;
  readonly events: ViewerEvent[] = [];

  private constructor(peer: RtcPeer, viewing: ViewingPeer) {
    this.peer = peer;
    this.viewing = viewing;
    viewing.onEvent((untilEvent) => {
      if (untilEvent.type !== 'sent') this.events.push(untilEvent);
      peer.recheck();
    });
  }

  static async connect(
    pool: WebrtcPool,
    peers: RtcPeers,
    viewerGroupId: string,
    plan: ViewerPlan = viewerPlan(),
    rid?: string,
  ): Promise<TestViewer> {
    const peer = await peers.create();
    const viewing = await pool.view({
      viewerGroupId,
      remote: peer.remote,
      plan,
      ...(rid === undefined ? {} : { rid }),
    });
    const viewer = new TestViewer(peer, viewing);
    await peer.connect(viewing.local);
    await viewing.connected;
    return viewer;
  }

  /** RTP packets of video so far. */
  get video(): Buffer[] {
    return this.peer.received.filter((packet) => isMedia(packet, VIEW.videoSsrc));
  }

  get rtx(): Buffer[] {
    return this.peer.received.filter((packet) => isMedia(packet, VIEW.rtxSsrc));
  }

  get audio(): Buffer[] {
    return this.peer.received.filter((packet) => isMedia(packet, VIEW.audioSsrc));
  }

  get rtcp(): Buffer[] {
    return this.peer.received.filter((packet) => packet[1]! >= 192 && packet[1]! <= 223);
  }

  async untilVideoPackets(count: number): Promise<Buffer[]> {
    await this.peer.until(() => this.video.length >= count);
    return this.video;
  }

  async event(type: ViewerEvent['type'], from = 0): Promise<ViewerEvent> {
    const find = (): ViewerEvent | undefined => this.events.slice(from).find((event) => event.type === type);
    await this.peer.until(() => find() !== undefined);
    return find()!;
  }

  sendReceiverReport(fractionLost = 0): void {
    const block = {
      ssrc: VIEW.videoSsrc,
      fractionLost,
      lost: 0,
      highest: 0,
      jitter: 0,
      lastReport: 0,
      delay: 0,
    };
    this.peer.send(receiverReport(99, [block]));
  }
}

function isMedia(packet: Buffer, ssrc: number): boolean {
  return !(packet[1]! >= 192 && packet[1]! <= 223) && packet.readUInt32BE(8) === ssrc;
}

export function sequenceNumbersOf(packets: readonly Buffer[]): number[] {
  return packets.map((packet) => packet.readUInt16BE(2));
}

export function timestampsOf(packets: readonly Buffer[]): number[] {
  return packets.map((packet) => packet.readUInt32BE(4));
}

/** Tells whether 16-bit sequence numbers increase by one. */
export function areContinuous(sequences: readonly number[]): boolean {
  return sequences.every((sequence, i) => i === 0 || sequence === ((sequences[i - 1]! + 1) & 0xffff));
}
