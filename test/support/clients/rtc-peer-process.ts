import datachannel, { type PeerConnection, type Track } from 'node-datachannel';
import { receiverReport } from '../../../src/media/index.js';

// WebRTC clients in a process of their own: an exception in a callback of node-datachannel aborts its process.

export type PeerCommand =
  /** `watches`: offers to receive audio and video, as viewers do; else sends and receives video. */
  | { type: 'create'; id: string; watches: boolean }
  | { type: 'answer'; id: string; sdp: string }
  | { type: 'send'; id: string; packets: Buffer[] }
  | { type: 'close'; id: string };

export type PeerReport =
  | { type: 'up' }
  | { type: 'offer'; id: string; sdp: string }
  | { type: 'state'; id: string; state: string }
  | { type: 'open'; id: string }
  | { type: 'packets'; id: string; packets: Buffer[] };

type Peer = {
  watches: boolean;
  connection: PeerConnection;
  track: Track;
  others: Track[];
  received: Buffer[];
};

/** Interval of the receiver reports of peers that watch, ms. A gateway takes a viewer without any as lost. */
const REPORT_INTERVAL_MS = 1_000;
const EMPTY_REPORT = receiverReport(1, []);

const peers = new Map<string, Peer>();
const sendReport = (report: PeerReport): void => void process.send?.(report, undefined, undefined, () => {});

function videoMedia(watches: boolean): datachannel.Video {
  const media = new datachannel.Video('0', watches ? 'RecvOnly' : 'SendRecv');
  if (watches) media.addH264Codec(102);
  else media.addVP8Codec(96);
  return media;
}

function audioMedia(): datachannel.Audio {
  const media = new datachannel.Audio('1', 'RecvOnly');
  media.addOpusCodec(111);
  return media;
}

function create(id: string, watches: boolean): void {
  const connection = new datachannel.PeerConnection(id, { iceServers: [], bindAddress: '127.0.0.1' });
  const track = connection.addTrack(videoMedia(watches));
  const others = watches ? [connection.addTrack(audioMedia())] : [];
  const peer: Peer = { watches, connection, track, others, received: [] };
  peers.set(id, peer);
  track.onOpen(() => sendReport({ type: 'open', id }));
  track.onMessage((packet) => {
    if (peer.received.length === 0)
      setImmediate(() => sendReport({ type: 'packets', id, packets: peer.received.splice(0) }));
    peer.received.push(packet);
  });
  connection.onStateChange((state) => sendReport({ type: 'state', id, state }));
  connection.onGatheringStateChange((state) => {
    if (state === 'complete')
      sendReport({ type: 'offer', id, sdp: connection.localDescription()?.sdp ?? '' });
  });
  connection.setLocalDescription('offer');
}

/** Ignores packets that libsrtp refuses to send, such as those with extensions beyond their end. */
function sendPacket(track: Track, packet: Buffer): void {
  try {
    track.sendMessageBinary(packet);
  } catch {}
}

process.on('message', (command: PeerCommand) => {
  const peer = peers.get(command.id);
  try {
    if (command.type === 'create') create(command.id, command.watches);
    else if (command.type === 'answer') peer?.connection.setRemoteDescription(command.sdp, 'answer');
    else if (command.type === 'send')
      for (const packet of command.packets) {
        if (peer) sendPacket(peer.track, packet);
      }
    else {
      peers.delete(command.id);
      peer?.connection.close();
    }
  } catch (error) {
    console.error(error);
  }
});
setInterval(() => {
  for (const { watches, track } of peers.values())
    if (watches && track.isOpen()) sendPacket(track, EMPTY_REPORT);
}, REPORT_INTERVAL_MS);
process.on('disconnect', () => process.exit(0));
sendReport({ type: 'up' });
