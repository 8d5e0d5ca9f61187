import datachannel, { type PeerConnection, type Track } from 'node-datachannel';
import { genericNack, pictureLossIndication, senderReport } from '../../../src/media/index.js';
import { rtpPacket } from '../media/rtp/synthetic-rtp.js';

// Checks one behaviour of node-datachannel and reports it to the parent; see transport-contract.test.ts.

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

type Pair = { sender: Track[]; receiver: Track[]; received: Buffer[]; returned: Buffer[] };

async function connect(
  ...media: ['video' | 'audio', string, 'SendRecv' | 'SendOnly', number[]][]
): Promise<Pair> {
  const options = { iceServers: [], bindAddress: '127.0.0.1' };
  const a = new datachannel.PeerConnection('a', options);
  const b = new datachannel.PeerConnection('b', options);
  const pair: Pair = { sender: [], receiver: [], received: [], returned: [] };
  b.onTrack((track) => {
    pair.receiver.push(track);
    track.onMessage((packet) => pair.received.push(packet));
  });
  for (const [kind, mid, direction, ssrcs] of media) {
    const line =
      kind === 'video' ? new datachannel.Video(mid, direction) : new datachannel.Audio(mid, direction);
    if (kind === 'video') (line as InstanceType<typeof datachannel.Video>).addVP8Codec(96);
    else (line as InstanceType<typeof datachannel.Audio>).addOpusCodec(111);
    for (const ssrc of ssrcs) line.addSSRC(ssrc, 'c', 's', 't');
    const track = a.addTrack(line);
    track.onMessage((packet) => pair.returned.push(packet));
    pair.sender.push(track);
  }
  a.setLocalDescription('offer');
  while (a.gatheringState() !== 'complete') await pause(5);
  b.setRemoteDescription(without(a, 'candidate'), 'offer');
  while (b.gatheringState() !== 'complete') await pause(5);
  a.setRemoteDescription(b.localDescription()!.sdp, 'answer');
  while (![...pair.sender, ...pair.receiver].every((track) => track.isOpen())) await pause(5);
  keep.push(a, b);
  return pair;
}

/** Keeps connections alive: a collected wrapper closes its native object. */
const keep: PeerConnection[] = [];

function without(connection: PeerConnection, attribute: string): string {
  const lines = connection.localDescription()!.sdp.split('\r\n');
  return lines.filter((line) => !line.startsWith(`a=${attribute}`)).join('\r\n');
}

function rtp(payloadType: number, ssrc: number, sequence = 1): Buffer {
  const extensions = [{ id: 1, value: Buffer.from([0xaa]) }];
  return rtpPacket({ payloadType, ssrc, sequence, timestamp: 1, payload: Buffer.alloc(20), extensions });
}

function names(packets: Buffer[]): string[] {
  return packets.map((packet) =>
    packet[1]! >= 192 && packet[1]! < 224
      ? `rtcp ${packet[1]}`
      : `rtp ${packet[1]! & 127} ${packet.readUInt32BE(8)}`,
  );
}

const SR = senderReport({ ssrc: 5, time: 1, timestamp: 1, packets: 1, bytes: 1, cname: 'x' });

const SCENARIOS: Record<string, () => Promise<unknown>> = {
  async 'one line'() {
    const pair = await connect(['video', '0', 'SendRecv', []]);
    const [sender] = pair.sender;
    for (const packet of [rtp(96, 1), rtp(96, 2), rtp(111, 9), SR, genericNack(1, 77, [1])])
      sender!.sendMessageBinary(packet);
    pair.receiver[0]!.sendMessageBinary(rtp(100, 4));
    pair.receiver[0]!.sendMessageBinary(pictureLossIndication(1, 3));
    while (pair.received.length < 5 || pair.returned.length < 2) await pause(5);
    return {
      received: names(pair.received),
      returned: names(pair.returned),
      extension: pair.received[0]!.toString('hex', 12, 20),
    };
  },
  async 'two lines'() {
    const pair = await connect(['video', '0', 'SendRecv', [1]], ['audio', '1', 'SendRecv', [2]]);
    const [video] = pair.sender;
    video!.sendMessageBinary(rtp(96, 77));
    video!.sendMessageBinary(rtp(96, 1));
    while (pair.received.length < 1) await pause(5);
    await pause(100);
    return { received: names(pair.received) };
  },
  async 'one direction'() {
    const pair = await connect(['video', '0', 'SendOnly', []]);
    const [receiver] = pair.receiver;
    return {
      sentRtp: receiver!.sendMessageBinary(rtp(96, 1)),
      sentRtcp: receiver!.sendMessageBinary(pictureLossIndication(1, 1)),
    };
  },
  async patched() {
    const pair = await connect(['video', '0', 'SendRecv', []]);
    const packet = rtp(96, 0);
    for (const ssrc of [1, 2, 3]) {
      packet.writeUInt32BE(ssrc, 8);
      pair.sender[0]!.sendMessageBinary(packet);
    }
    packet.fill(0);
    while (pair.received.length < 3) await pause(5);
    return { received: names(pair.received) };
  },
  async again() {
    const pair = await connect(['video', '0', 'SendRecv', []]);
    const [sender] = pair.sender;
    const sent = [sender!.sendMessageBinary(rtp(96, 1, 10))];
    for (let i = 0; i < 500; i++) sender!.sendMessageBinary(rtp(96, 1, 11 + i));
    sent.push(sender!.sendMessageBinary(rtp(96, 1, 10)), sender!.sendMessageBinary(rtp(96, 1, 509)));
    return { sent };
  },
  async throwing() {
    const connection = new datachannel.PeerConnection('x', { iceServers: [], bindAddress: '127.0.0.1' });
    process.on('uncaughtException', () => {});
    connection.onGatheringStateChange(() => {
      throw new Error('thrown');
    });
    connection.createDataChannel('x');
    await pause(2000);
    return {};
  },
};

const found = await SCENARIOS[process.argv[2] ?? '']!();
process.send?.(found, undefined, undefined, () => process.exit(0));
