import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import type { LocalTransport, RemoteTransport } from '../../../src/webrtc/index.js';
import type { PeerCommand, PeerReport } from './rtc-peer-process.js';

/** WebRTC clients (ICE, DTLS, SRTP) that send and receive arbitrary packets. */
export class RtcPeers {
  readonly #child: ChildProcess;
  readonly #peers = new Map<string, RtcPeer>();
  #count = 0;

  private constructor(child: ChildProcess) {
    this.#child = child;
    child.on('message', (report: PeerReport) => {
      if (report.type !== 'up') this.#peers.get(report.id)?.handleReport(report);
    });
  }

  static async start(): Promise<RtcPeers> {
    const file = path.join(import.meta.dirname, `rtc-peer-process${path.extname(import.meta.filename)}`);
    const child = fork(file, [], { serialization: 'advanced' });
    await once(child, 'message');
    return new RtcPeers(child);
  }

  async create(options: { watches?: boolean } = {}): Promise<RtcPeer> {
    const id = `peer${++this.#count}`;
    const peer = new RtcPeer(
      id,
      options.watches ?? false,
      (command) => void this.#child.send(command, () => {}),
    );
    this.#peers.set(id, peer);
    await peer.untilOffer();
    return peer;
  }

  /** Kills the process, without DTLS close_notify. */
  async kill(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    this.#child.kill('SIGKILL');
    await once(this.#child, 'exit');
  }
}

export class RtcPeer {
  /** Received RTP and RTCP packets that no caller has removed. */
  readonly received: Buffer[] = [];
  state = 'new';
  /** Called with every received packet. */
  onPacket: ((packet: Buffer) => void) | undefined;
  readonly #id: string;
  readonly #send: (command: PeerCommand) => void;
  #sdp: string | undefined;
  #open = false;
  #changed: (() => void)[] = [];

  constructor(id: string, watches: boolean, send: (command: PeerCommand) => void) {
    this.#id = id;
    this.#send = send;
    send({ type: 'create', id, watches });
  }

  /** Transport parameters of this peer's offer. */
  get remote(): RemoteTransport {
    return remoteOf(this.#sdp ?? '');
  }

  get offer(): string {
    return this.#sdp ?? '';
  }

  async untilOffer(): Promise<void> {
    await this.until(() => this.#sdp !== undefined);
  }

  /** Applies the server's transport; resolves when packets can be sent. */
  async connect(local: LocalTransport): Promise<void> {
    this.answer(local);
    await this.until(() => this.#open);
  }

  answer(local: LocalTransport): void {
    this.accept(answerOf(local));
  }

  /** Applies the server's SDP answer. */
  accept(sdp: string): void {
    this.#send({ type: 'answer', id: this.#id, sdp });
  }

  send(...packets: Buffer[]): void {
    this.#send({ type: 'send', id: this.#id, packets });
  }

  /** Closes with DTLS close_notify. */
  close(): void {
    this.#send({ type: 'close', id: this.#id });
  }

  /** Waits for a condition, checked at every event of this peer. */
  async until(holds: () => boolean): Promise<void> {
    while (!holds()) await new Promise<void>((resolve) => this.#changed.push(resolve));
  }

  handleReport(report: PeerReport): void {
    if (report.type === 'offer') this.#sdp = report.sdp;
    else if (report.type === 'open') this.#open = true;
    else if (report.type === 'state') this.state = report.state;
    else if (report.type === 'packets') {
      for (const packet of report.packets) {
        this.received.push(packet);
        this.onPacket?.(packet);
      }
    }
    this.recheck();
  }

  /** Makes `until` check its condition. */
  recheck(): void {
    for (const resolve of this.#changed.splice(0)) resolve();
  }
}

/** Reads the transport parameters of an offer. */
export function remoteOf(sdp: string): RemoteTransport {
  const value = (name: string): string => new RegExp(`^a=${name}:(.*?)\\r?$`, 'm').exec(sdp)?.[1] ?? '';
  return {
    iceUfrag: value('ice-ufrag'),
    icePwd: value('ice-pwd'),
    fingerprint: value('fingerprint'),
    setup: 'actpass',
  };
}

/** Writes an answer with a single media section, for which node-datachannel passes every packet on. */
export function answerOf(local: LocalTransport): string {
  const lines = [
    'v=0',
    'o=- 1 1 IN IP4 127.0.0.1',
    's=-',
    't=0 0',
    'a=group:BUNDLE 0',
    'm=video 9 UDP/TLS/RTP/SAVPF 96',
    'c=IN IP4 0.0.0.0',
    'a=mid:0',
    'a=sendrecv',
    'a=rtcp-mux',
    'a=rtpmap:96 VP8/90000',
    `a=fingerprint:${local.fingerprint}`,
    `a=setup:${local.setup}`,
    `a=ice-ufrag:${local.iceUfrag}`,
    `a=ice-pwd:${local.icePwd}`,
    ...local.candidates.map((candidate) => `a=candidate:${candidate}`),
    'a=end-of-candidates',
  ];
  return `${lines.join('\r\n')}\r\n`;
}
