import type { Test } from 'tap';
import {
  delayReport,
  feedbackMedia,
  isRtcp,
  ntpMiddle,
  RTCP,
  senderReport,
  TRANSPORT_FEEDBACK,
  unixFromNtp,
  visitNack,
  visitRtcp,
} from '../../../src/media/index.js';
import type { LocalTransport } from '../../../src/webrtc/index.js';
import { type RtcPeer, RtcPeers, remoteOf } from '../clients/rtc-peers.js';
import type { GatewayProcess, Livestream } from '../gateway/gateway-process.js';
import { rtpPacket } from '../media/rtp/synthetic-rtp.js';

/** Stream of a publisher, in a loop of frames. Times are ms since the start. */
export type RtpTrack = {
  /** Payloads of each frame. */
  frames: readonly (readonly Buffer[])[];
  frameMs: number;
  /** Packets with the marker bit: the last of each frame by default. */
  marker?: 'last' | 'never' | 'always';
  /** RTP timestamp of a frame; by the clock rate by default. */
  timestamp?: (ms: number) => number;
  /** Whether a frame is sent; always by default. */
  sends?: (ms: number) => boolean;
  /** Whether the network loses a packet, by its number; never by default. */
  loses?: (packet: number) => boolean;
  /** Level in each packet, -dBov (RFC 6464). Audio only; none by default. */
  level?: number;
};

export type RtpPublisherOptions = {
  video?: RtpTrack;
  /** Codec as in `a=rtpmap`, and `a=fmtp`. */
  codec?: { name: string; parameters?: string };
  audio?: RtpTrack;
  /** Error of the sender reports of video, ms; undefined: none are sent. 0 by default. */
  reports?: { errorMs: number } | 'none';
  /** Time after which reference times are answered (RFC 3611), ms; never by default. */
  roundTripMs?: number;
};

const VIDEO = { payloadType: 102, ssrc: 7_000 };
const AUDIO = { payloadType: 111, ssrc: 8_000 };
const RATE = { video: 90, audio: 48 } as const;
const SEND_INTERVAL_MS = 5;
const REPORT_INTERVAL_MS = 1_000;
/** A divisor of 2^16. */
const HISTORY_PACKETS = 1_024;
const AUDIO_LEVEL_ID = 1;
/** Offset of the NTP timestamp in an extended report with one reference time. */
const REFERENCE_TIME_OFFSET = 12;

/** Sends packets to a gateway by WHIP exactly as told, with a real transport, until the test ends. */
export class RtpPublisher {
  /** Session of the publication; ends with DELETE. */
  readonly location: string;
  readonly #peer: RtcPeer;
  readonly #options: RtpPublisherOptions;
  readonly #startedAt = performance.now();
  readonly #epoch = Date.now();
  readonly #sent = { video: { frames: 0, packets: 0 }, audio: { frames: 0, packets: 0 } };
  /** Newest video packets by sequence number, for retransmission. */
  readonly #history: { sequence: number; packet: Buffer }[] = [];

  private constructor(peer: RtcPeer, location: string, options: RtpPublisherOptions) {
    this.#peer = peer;
    this.location = location;
    this.#options = options;
    peer.onPacket = (packet) => {
      peer.received.length = 0;
      if (!isRtcp(packet)) return;
      this.#retransmit(packet);
      if (options.roundTripMs !== undefined) this.#answerTimes(packet, options.roundTripMs);
    };
  }

  static async start(
    t: Test,
    gateway: GatewayProcess,
    { streamKey }: Livestream,
    options: RtpPublisherOptions,
  ): Promise<RtpPublisher> {
    const peers = await RtcPeers.start();
    t.teardown(() => peers.kill());
    const peer = await peers.create();
    const response = await fetch(`${gateway.http}/whip`, {
      method: 'POST',
      headers: { 'content-type': 'application/sdp', authorization: `Bearer ${streamKey}` },
      body: offerOf(peer, options),
    });
    const answer = await response.text();
    if (response.status !== 201) throw new Error(`${response.status} ${answer}`);
    await peer.connect(localOf(answer));
    const location = new URL(response.headers.get('location') ?? '', gateway.http).href;
    const publisher = new RtpPublisher(peer, location, options);
    const timers = [
      setInterval(() => publisher.#send(), SEND_INTERVAL_MS),
      setInterval(() => publisher.#report(), REPORT_INTERVAL_MS),
    ];
    t.teardown(() => {
      for (const timer of timers) clearInterval(timer);
    });
    publisher.#report();
    return publisher;
  }

  /** Milliseconds since the start. */
  get ms(): number {
    return performance.now() - this.#startedAt;
  }

  #send(): void {
    const { video, audio } = this.#options;
    const packets: Buffer[] = [];
    if (video) this.#takeDue('video', video, VIDEO, packets);
    if (audio) this.#takeDue('audio', audio, AUDIO, packets);
    if (packets.length > 0) this.#peer.send(...packets);
  }

  #takeDue(
    kind: 'video' | 'audio',
    track: RtpTrack,
    stream: { payloadType: number; ssrc: number },
    packets: Buffer[],
  ): void {
    const sent = this.#sent[kind];
    const { frames, frameMs, marker = kind === 'video' ? 'last' : 'never', sends = () => true } = track;
    const { level, loses = () => false } = track;
    const extensions =
      level === undefined ? {} : { extensions: [{ id: AUDIO_LEVEL_ID, value: Buffer.from([level]) }] };
    for (; sent.frames * frameMs <= this.ms; sent.frames++) {
      const ms = sent.frames * frameMs;
      if (!sends(ms)) continue;
      const payloads = frames[sent.frames % frames.length]!;
      const timestamp = Math.round(this.#timestamp(kind, track, ms)) >>> 0;
      payloads.forEach((payload, index) => {
        const isLast = index === payloads.length - 1;
        const fields = { ...stream, ...extensions, sequence: sent.packets++, timestamp, payload };
        if (loses(fields.sequence)) return;
        const packet = rtpPacket({ ...fields, marker: marker === 'always' || (marker === 'last' && isLast) });
        packets.push(packet);
        if (kind === 'video')
          this.#history[fields.sequence % HISTORY_PACKETS] = { sequence: fields.sequence & 0xffff, packet };
      });
    }
  }

  /** Sends again what a busy machine has lost (RFC 4585 section 6.2.1); never what `loses` has. */
  #retransmit(feedback: Buffer): void {
    const nack = (sequence: number): void => {
      const known = this.#history[sequence % HISTORY_PACKETS];
      if (known?.sequence === sequence) this.#peer.send(known.packet);
    };
    visitRtcp(feedback, {
      rtcp: (_packet, type, message, offset, length) => {
        if (type !== RTCP.transportFeedback || message !== TRANSPORT_FEEDBACK.nack) return;
        if (feedbackMedia(feedback, offset, length) === VIDEO.ssrc)
          visitNack(feedback, offset, length, { nack });
      },
    });
  }

  /** Answers a reference time later, as a far publisher does. */
  #answerTimes(packet: Buffer, roundTripMs: number): void {
    visitRtcp(packet, {
      rtcp: (_packet, type, _count, offset) => {
        if (type !== RTCP.extendedReport) return;
        const at = offset + REFERENCE_TIME_OFFSET;
        const lastReference = ntpMiddle(unixFromNtp(packet.readUInt32BE(at), packet.readUInt32BE(at + 4)));
        const answer = delayReport(VIDEO.ssrc, { ssrc: 1, lastReference, delay: 0 });
        setTimeout(() => this.#peer.send(answer), roundTripMs);
      },
    });
  }

  #timestamp(kind: 'video' | 'audio', track: RtpTrack, ms: number): number {
    return track.timestamp ? track.timestamp(ms) : ms * RATE[kind];
  }

  #report(): void {
    const { video, audio, reports = { errorMs: 0 } } = this.#options;
    if (reports === 'none') return;
    const { ms } = this;
    const common = { packets: 1, bytes: 1, cname: 'x' };
    if (video) {
      const timestamp = Math.round(this.#timestamp('video', video, ms)) >>> 0;
      const time = this.#epoch + ms + reports.errorMs;
      this.#peer.send(senderReport({ ...common, ssrc: VIDEO.ssrc, time, timestamp }));
    }
    if (!audio) return;
    const timestamp = Math.round(this.#timestamp('audio', audio, ms)) >>> 0;
    this.#peer.send(senderReport({ ...common, ssrc: AUDIO.ssrc, time: this.#epoch + ms, timestamp }));
  }
}

/** Offer with the peer's transport, as OBS writes it. */
function offerOf(peer: RtcPeer, { video, audio, codec }: RtpPublisherOptions): string {
  const { iceUfrag, icePwd, fingerprint } = peer.remote;
  const common = (mid: number): string[] => [
    'c=IN IP4 0.0.0.0',
    `a=mid:${mid}`,
    'a=sendonly',
    'a=rtcp-mux',
    `a=ice-ufrag:${iceUfrag}`,
    `a=ice-pwd:${icePwd}`,
    `a=fingerprint:${fingerprint}`,
    'a=setup:actpass',
  ];
  const { name = 'H264', parameters = 'packetization-mode=1;profile-level-id=42e01f' } = codec ?? {};
  const audioLines = [
    `m=audio 9 UDP/TLS/RTP/SAVPF ${AUDIO.payloadType}`,
    ...common(0),
    `a=rtpmap:${AUDIO.payloadType} opus/48000/2`,
    `a=extmap:${AUDIO_LEVEL_ID} urn:ietf:params:rtp-hdrext:ssrc-audio-level`,
  ];
  const videoLines = [
    `m=video 9 UDP/TLS/RTP/SAVPF ${VIDEO.payloadType}`,
    ...common(1),
    `a=rtpmap:${VIDEO.payloadType} ${name}/90000`,
    ...(parameters ? [`a=fmtp:${VIDEO.payloadType} ${parameters}`] : []),
    `a=rtcp-fb:${VIDEO.payloadType} nack`,
    `a=rtcp-fb:${VIDEO.payloadType} nack pli`,
  ];
  const mids = [...(audio ? [0] : []), ...(video ? [1] : [])].join(' ');
  const lines = ['v=0', 'o=- 1 1 IN IP4 127.0.0.1', 's=-', 't=0 0', `a=group:BUNDLE ${mids}`];
  return `${[...lines, ...(audio ? audioLines : []), ...(video ? videoLines : [])].join('\r\n')}\r\n`;
}

/** Reads the transport of an answer. */
function localOf(answer: string): LocalTransport {
  const { iceUfrag, icePwd, fingerprint } = remoteOf(answer);
  const candidates = [...answer.matchAll(/^a=candidate:(.*?)\r?$/gm)].map(([, candidate]) => candidate!);
  const setup = /^a=setup:passive/m.test(answer) ? 'passive' : 'active';
  return { iceUfrag, icePwd, fingerprint, setup, candidates: [...new Set(candidates)] };
}
