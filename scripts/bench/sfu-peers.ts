/** Peers of `sfu.ts`: a process of viewers or of a publisher that does little besides SRTP. */
import datachannel, { type PeerConnection, type Track } from 'node-datachannel';
import { isRtcp, receiverReport } from '../../src/media/index.js';
import { FrameStream, rtpPacket } from '../../test/support/media/rtp/synthetic-rtp.js';

export type Media = 'audio' | 'audio and video';

export type PeersCommand =
  | { type: 'create'; id: number; counts: boolean }
  | { type: 'answer'; id: number; sdp: string }
  | { type: 'send'; media: Media }
  | { type: 'count' };

export type PeersReport =
  | { type: 'up' }
  | { type: 'offer'; id: number; sdp: string }
  | { type: 'open'; id: number }
  | { type: 'counted'; packets: number; gaps: number };

/** Stream of a publisher with 2.5 Mbit/s: 30 frames of 8 or 9 packets, and 50 audio packets, per second. */
const FRAME_INTERVAL_MS = 1000 / 30;
const AUDIO_PACKET_MS = 20;
const PACKETS_PER_FRAME = 260 / 30;
const PAYLOAD_BYTES = 1188;
const KEYFRAME_INTERVAL_FRAMES = 60;
/** Each peer sends 2.5 RTCP packets a second, as browsers do; those of all peers are spread over the interval. */
const REPORT_INTERVAL_MS = 400;
const REPORT_TICK_MS = 4;

const peers = new Map<number, { connection: PeerConnection; track: Track }>();
let packets = 0;
let gaps = 0;

function send(report: PeersReport): void {
  process.send?.(report, undefined, undefined, () => {});
}

function create(id: number, counts: boolean): void {
  const connection = new datachannel.PeerConnection(`${id}`, { iceServers: [], bindAddress: '127.0.0.1' });
  const media = new datachannel.Video('0', 'SendRecv');
  media.addVP8Codec(96);
  const track = connection.addTrack(media);
  peers.set(id, { connection, track });
  track.onOpen(() => send({ type: 'open', id }));
  if (counts) count(track);
  connection.onGatheringStateChange((state) => {
    if (state === 'complete') send({ type: 'offer', id, sdp: connection.localDescription()?.sdp ?? '' });
  });
  connection.setLocalDescription('offer');
}

function count(track: Track): void {
  const last = new Map<number, number>();
  track.onMessage((packet) => {
    if (isRtcp(packet)) return;
    const ssrc = packet.readUInt32BE(8);
    const sequence = packet.readUInt16BE(2);
    const before = last.get(ssrc);
    packets++;
    if (before !== undefined && sequence !== ((before + 1) & 0xffff)) gaps++;
    last.set(ssrc, sequence);
  });
}

function sendMedia(media: Media): void {
  const track = peers.get(0)!.track;
  const video = new FrameStream({ payloadType: 102, ssrc: 1 });
  const audio = { payloadType: 111, ssrc: 2, sequence: 0, timestamp: 0, payload: Buffer.alloc(160, 0x78) };
  const start = performance.now();
  let sent = 0;
  let frames = 0;
  let audioPackets = 0;
  setInterval(() => {
    const time = performance.now() - start;
    for (; media !== 'audio' && frames * FRAME_INTERVAL_MS <= time; frames++) {
      const count = Math.floor((frames + 1) * PACKETS_PER_FRAME) - sent;
      sent += count;
      const keyframe = frames % KEYFRAME_INTERVAL_FRAMES === 0;
      for (const packet of video.nextFrame(keyframe, count, undefined, PAYLOAD_BYTES))
        track.sendMessageBinary(packet);
    }
    for (; audioPackets * AUDIO_PACKET_MS <= time; audioPackets++) {
      track.sendMessageBinary(rtpPacket({ ...audio, sequence: audioPackets, timestamp: audioPackets * 960 }));
    }
  }, 4);
}

const blocks = [{ ssrc: 1111, fractionLost: 0, lost: 0, highest: 0, jitter: 0, lastReport: 0, delay: 0 }];
const reportPacket = receiverReport(9, blocks);
let reportsDue = 0;
let reportsSent = 0;
let reportedAt = performance.now();

/** Sends the reports that are due, of one peer after the other. */
function report(): void {
  const now = performance.now();
  const tracks = [...peers.values()].map(({ track }) => track);
  reportsDue += ((now - reportedAt) / REPORT_INTERVAL_MS) * tracks.length;
  reportedAt = now;
  for (; reportsSent < Math.floor(reportsDue); reportsSent++) {
    const track = tracks[reportsSent % tracks.length];
    if (track?.isOpen()) track.sendMessageBinary(reportPacket);
  }
}

process.on('message', (command: PeersCommand) => {
  if (command.type === 'create') create(command.id, command.counts);
  else if (command.type === 'answer')
    peers.get(command.id)?.connection.setRemoteDescription(command.sdp, 'answer');
  else if (command.type === 'send') sendMedia(command.media);
  else send({ type: 'counted', packets, gaps });
});
process.on('disconnect', () => process.exit(0));
setInterval(report, REPORT_TICK_MS);
send({ type: 'up' });
