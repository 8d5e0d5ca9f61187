import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import type { Test } from 'tap';
import { FramedPacketReader, isRtcp } from '../../../../src/media/index.js';
import { PictureWriter } from '../../../../src/webrtc/picture-writer.js';

/** RTP packet (RFC 3550, section 5.1) without extensions. */
export type RtpPacket = {
  /** Arrival time, `performance.now()`. */
  at: number;
  marker: boolean;
  payloadType: number;
  sequence: number;
  timestamp: number;
  ssrc: number;
  payload: Buffer;
};

/** Sender report (section 6.4.1). */
export type SenderReport = { at: number; ssrc: number /** Unix ms. */; time: number; timestamp: number };

const NTP_EPOCH = 2_208_988_800;

/** Opens a UDP socket on loopback. @param port 0 takes any. */
export async function bindUdp(port = 0): Promise<Socket> {
  const socket = createSocket({ type: 'udp4', recvBufferSize: 4 << 20 });
  socket.bind(port, '127.0.0.1');
  await Promise.race([
    once(socket, 'listening'),
    once(socket, 'error').then(([error]) => Promise.reject(error)),
  ]);
  return socket;
}

/** RTP and RTCP port on loopback, and a writer of H.264, whose packets are recorded. */
export class RtpReceiver {
  readonly port: number;
  readonly packets: RtpPacket[] = [];
  readonly reports: SenderReport[] = [];

  readonly pictures: PictureWriter;

  private constructor(rtp: Socket, rtcp: Socket, pictures: PictureWriter) {
    this.pictures = pictures;
    this.port = (rtp.address() as AddressInfo).port;
    rtp.on('message', (bytes: Buffer) => this.packets.push(parseRtp(bytes)));
    rtcp.on('message', (bytes: Buffer) => this.#report(bytes));
  }

  #report(bytes: Buffer): void {
    if (bytes[1] !== 200) return;
    const seconds = bytes.readUInt32BE(8) - NTP_EPOCH + bytes.readUInt32BE(12) / 2 ** 32;
    const report = { ssrc: bytes.readUInt32BE(4), time: seconds * 1000, timestamp: bytes.readUInt32BE(16) };
    this.reports.push({ at: performance.now(), ...report });
  }

  static async open(t: Test): Promise<RtpReceiver> {
    for (;;) {
      const rtp = await bindUdp(0);
      const { port } = rtp.address() as AddressInfo;
      const rtcp = port % 2 === 0 ? await bindUdp(port + 1).catch(() => undefined) : undefined;
      if (rtcp) {
        t.teardown(() => {
          rtp.close();
          rtcp.close();
        });
        const folder = await mkdtemp(path.join(os.tmpdir(), 'rtp-receiver-'));
        const server = createServer((socket) => {
          const reader = new FramedPacketReader((packet) =>
            isRtcp(packet) ? receiver.#report(packet) : receiver.packets.push(parseRtp(packet)),
          );
          socket.on('data', (bytes) => reader.read(bytes));
        });
        const socketPath = path.join(folder, 'h264.sock');
        server.listen(socketPath);
        await once(server, 'listening');
        const h264 = new PictureWriter(socketPath, 'h264');
        t.teardown(async () => {
          h264.close();
          server.close();
          await rm(folder, { recursive: true, force: true });
        });
        const receiver: RtpReceiver = new RtpReceiver(rtp, rtcp, h264);
        return receiver;
      }
      rtp.close();
    }
  }

  /** Converts a packet's timestamp to Unix ms by the latest sender report. */
  timeOf(packet: RtpPacket, clockRate: number): number {
    const report = this.reports.findLast(({ ssrc }) => ssrc === packet.ssrc);
    if (!report) throw new Error('there is no sender report');
    return report.time + (((packet.timestamp - report.timestamp) | 0) * 1000) / clockRate;
  }

  /** Waits for a condition. @throws after `ms` */
  async until(condition: () => boolean, ms = 15_000): Promise<void> {
    for (const late = performance.now() + ms; !condition(); ) {
      if (performance.now() > late)
        throw new Error(`${this.packets.length} packets, and the condition does not hold`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

/** Parses a packet without extensions. */
export function parseRtp(bytes: Buffer): RtpPacket {
  return {
    at: performance.now(),
    marker: ((bytes[1] ?? 0) & 0x80) !== 0,
    payloadType: (bytes[1] ?? 0) & 0x7f,
    sequence: bytes.readUInt16BE(2),
    timestamp: bytes.readUInt32BE(4),
    ssrc: bytes.readUInt32BE(8),
    payload: bytes.subarray(12),
  };
}

/** Depacketizes the NAL units of each frame (RFC 6184: single NAL unit packets, STAP-A, FU-A). */
export function framesOf(
  packets: readonly RtpPacket[],
): { timestamp: number; at: number; units: Buffer[] }[] {
  const frames: { timestamp: number; at: number; units: Buffer[] }[] = [];
  for (const { timestamp, payload, at } of packets) {
    let frame = frames.at(-1);
    if (frame?.timestamp !== timestamp) {
      frame = { timestamp, at, units: [] };
      frames.push(frame);
    }
    frame.at = at;
    const type = (payload[0] ?? 0) & 0x1f;
    if (type === 24) {
      for (let offset = 1; offset + 2 < payload.length; ) {
        const size = payload.readUInt16BE(offset);
        frame.units.push(payload.subarray(offset + 2, offset + 2 + size));
        offset += 2 + size;
      }
    } else if (type === 28) {
      const header = payload[1] ?? 0;
      if (header & 0x80) frame.units.push(Buffer.from([((payload[0] ?? 0) & 0xe0) | (header & 0x1f)]));
      const last = frame.units.length - 1;
      frame.units[last] = Buffer.concat([frame.units[last] ?? Buffer.alloc(0), payload.subarray(2)]);
    } else frame.units.push(payload);
  }
  return frames;
}
