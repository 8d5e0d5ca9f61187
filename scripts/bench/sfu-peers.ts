/** Peers of `sfu.ts`: a process of viewers or of a publisher that does little besides SRTP. */
import datachannel, { type PeerConnection, type Track } from 'node-datachannel';
import { isRtcp, receiverReport } from '../../src/media/index.js';
import { FrameStream, rtpPacket } from '../../test/support/media/rtp/synthetic-rtp.js';

export type PeersCommand =
  | { type: 'create'; id: number; counts: boolean }
  | { type: 'answer'; id: number; sdp: string }
  | { type: 'send' }
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
const REPORT_MS = 2000;

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

function sendMedia(): void {
  const track = peers.get(0)!.track;
  const video = new FrameStream({ payloadType: 102, ssrc: 1 });
  const audio = { payloadType: 111, ssrc: 2, sequence: 0, timestamp: 0, payload: Buffer.alloc(160, 0x78) };
  const start = performance.now();
  let sent = 0;
  let frames = 0;
  let audioPackets = 0;
  setInterval(() => {
    const time = performance.now() - start;
    for (; frames * FRAME_INTERVAL_MS <= time; frames++) {
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

function report(): void {
  const blocks = [{ ssrc: 1111, fractionLost: 0, lost: 0, highest: 0, jitter: 0, lastReport: 0, delay: 0 }];
  for (const { track } of peers.values())
    if (track.isOpen()) track.sendMessageBinary(receiverReport(9, blocks));
}

process.on('message', (command: PeersCommand) => {
  if (command.type === 'create') create(command.id, command.counts);
  else if (command.type === 'answer')
    peers.get(command.id)?.connection.setRemoteDescription(command.sdp, 'answer');
  else if (command.type === 'send') sendMedia();
  else send({ type: 'counted', packets, gaps });
});
process.on('disconnect', () => process.exit(0));
setInterval(report, REPORT_MS);
send({ type: 'up' });
