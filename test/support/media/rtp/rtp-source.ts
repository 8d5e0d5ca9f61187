import { type ChildProcess, spawn } from 'node:child_process';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import type { Test } from 'tap';
import { type SourceInfo, SrtpProtector } from '../../../../src/media/index.js';
import type { BroadcastSubscription, RtpSource } from '../../../../src/streams/index.js';
import { FakeSource } from '../../fakes/fake-broadcast.js';

export type RtpCodec = 'vp8' | 'vp9' | 'h264';

/** Sender options. The video turns white and a tone sounds in the first tenth of every second. */
export type SenderOptions = {
  codec: RtpCodec;
  width: number;
  height: number;
  audio?: boolean;
  video?: boolean;
};

const ENCODERS: Record<RtpCodec, string> = {
  vp8: '-c:v libvpx -deadline realtime -cpu-used 8 -g 30 -b:v 600k',
  vp9: '-strict experimental -c:v libvpx-vp9 -deadline realtime -cpu-used 8 -g 30 -b:v 600k',
  h264: '-c:v libx264 -preset ultrafast -tune zerolatency -g 30 -b:v 600k',
};

async function bound(): Promise<Socket> {
  const socket = createSocket({ type: 'udp4', recvBufferSize: 4 << 20 });
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  return socket;
}

function portOf(socket: Socket): number {
  return (socket.address() as AddressInfo).port;
}

type Protector = Pick<SrtpProtector, 'protect'>;
/** Destination ports and the SRTP contexts of their packets. */
type Output = {
  video?: number;
  audio?: number;
  protect: { video: Protector; audio: Protector };
};
type Stream = { rtp: Socket; rtcp: Socket; report: Buffer | undefined; sequence: number };

/**
 * Fake of the SFU's RTP output, fed by a real ffmpeg. Forwards as the SFU does: a sender report of
 * both streams before the first packet, then video from a keyframe on.
 */
export class RtpSender implements RtpSource {
  readonly mediaSourceId = 'media-source-1';
  /** Current destinations. */
  readonly outputs = new Set<Output>();
  /** Set to make `send` fail. */
  failure: Error | undefined;
  /** Drops packets of a kind while set. */
  muted: { video: boolean; audio: boolean } = { video: false, audio: false };
  #streams: { video: Stream; audio: Stream } | undefined;
  #child: ChildProcess | undefined;
  #out = createSocket('udp4');
  #started = new Set<Output>();
  readonly #codec: RtpCodec;
  /** Origin of the RTP clocks, kept when the sender restarts with another size. */
  readonly #epoch = Date.now();

  constructor(codec: RtpCodec) {
    this.#codec = codec;
  }

  async start(options: SenderOptions): Promise<void> {
    this.#streams ??= { video: await this.#listen('video'), audio: await this.#listen('audio') };
    const { video, audio } = this.#streams;
    this.#child?.kill('SIGKILL');
    const { width, height } = options;
    // Flash and beep follow the wall clock, whenever the sender starts.
    const offsetS = (Date.now() - this.#epoch) / 1000;
    const videoFilter = `testsrc2=size=${width}x${height}:rate=30,setpts=PTS+${offsetS}/TB,drawbox=color=white:thickness=fill:enable=lt(mod(t\\,1)\\,0.1)`;
    const audioFilter = `aevalsrc='if(lt(mod(t+${offsetS},1),0.1),0.5*sin(2*PI*1000*t),0)':s=48000,asetpts=PTS+${offsetS}/TB`;
    const target = ({ rtp, rtcp }: Stream): string =>
      `rtp://127.0.0.1:${portOf(rtp)}?pkt_size=1200&rtcpport=${portOf(rtcp)}`;
    const common = (type: number, ssrc: number): string[] => [
      ...['-start_time_realtime', String(this.#epoch * 1000), '-fflags', '+bitexact'],
      ...['-f', 'rtp', '-payload_type', String(type), '-ssrc', String(ssrc)],
    ];
    const args = ['-v', 'error', '-nostdin', '-copyts', '-re', '-f', 'lavfi', '-i', videoFilter];
    args.push('-re', '-f', 'lavfi', '-i', audioFilter);
    if (options.video !== false)
      args.push(
        ...['-map', '0:v', '-pix_fmt', 'yuv420p', ...ENCODERS[options.codec].split(' ')],
        ...[...common(96, 1), target(video)],
      );
    if (options.audio !== false)
      args.push(
        ...['-map', '1:a', '-c:a', 'libopus', '-b:a', '64k', '-ac', '2'],
        ...[...common(97, 2), target(audio)],
      );
    this.#child = spawn('ffmpeg', args, { stdio: ['ignore', 'ignore', 'inherit'] });
    this.#started.clear();
  }

  /** Sends SRTP when a key is given, else RTP. */
  async send(to: { video?: number; audio?: number; srtpKey?: string }): Promise<{ close(): void }> {
    if (this.failure) throw this.failure;
    const { srtpKey, ...ports } = to;
    const protector = (): Protector =>
      srtpKey === undefined ? { protect: (packet) => packet } : new SrtpProtector(srtpKey);
    const protect = { video: protector(), audio: protector() };
    const output: Output = { ...ports, protect };
    for (const kind of ['video', 'audio'] as const) {
      const report = this.#streams?.[kind].report;
      const port = output[kind];
      if (report && port !== undefined)
        this.#out.send(output.protect[kind].protect(report), port + 1, '127.0.0.1');
    }
    this.outputs.add(output);
    return { close: () => void this.outputs.delete(output) };
  }

  /** Fails as the SFU does for every codec but AV1. */
  async sendMatroska(_options: { zero: number; audio: boolean }): Promise<{ path: string; close(): void }> {
    throw new Error('Matroska is made of AV1 alone');
  }

  /** True after a sender report of both streams, which the SFU waits for before it publishes. */
  get hasSenderReports(): boolean {
    const { video, audio } = this.#streams ?? {};
    return video?.report !== undefined && audio?.report !== undefined;
  }

  /** Stops sending: kills the process. */
  stop(): void {
    this.#child?.kill('SIGKILL');
    this.#child = undefined;
  }

  close(): void {
    this.stop();
    this.outputs.clear();
    for (const stream of Object.values(this.#streams ?? {})) {
      stream.rtp.close();
      stream.rtcp.close();
    }
    this.#out.close();
  }

  async #listen(kind: 'video' | 'audio'): Promise<Stream> {
    const stream: Stream = { rtp: await bound(), rtcp: await bound(), report: undefined, sequence: 0 };
    stream.rtp.on('message', (packet: Buffer) => {
      if (this.muted[kind]) return;
      // Continues the sequence numbers across restarts of ffmpeg.
      packet.writeUInt16BE(stream.sequence++ & 0xffff, 2);
      for (const output of this.outputs) {
        const port = output[kind];
        if (port === undefined) continue;
        if (kind === 'video' && !this.#started.has(output)) {
          if (!isKeyframe(this.#codec, packet)) continue;
          this.#started.add(output);
        }
        this.#out.send(output.protect[kind].protect(packet), port, '127.0.0.1');
      }
    });
    stream.rtcp.on('message', (packet: Buffer) => {
      stream.report = packet;
      for (const output of this.outputs) {
        const port = output[kind];
        if (port !== undefined) this.#out.send(output.protect[kind].protect(packet), port + 1, '127.0.0.1');
      }
    });
    return stream;
  }
}

/** Tells whether a packet begins a keyframe. */
function isKeyframe(codec: RtpCodec, packet: Buffer): boolean {
  const payload = packet.subarray(12);
  const first = payload[0] ?? 0;
  if (codec === 'h264') return (first & 31) === 24 ? ((payload[3] ?? 0) & 31) === 7 : (first & 31) === 7;
  // The beginning of a frame (RFC 9628), and in it frame_type (VP9 bitstream specification, 6.2).
  if (codec === 'vp9') return (first & 0x08) !== 0 && ((payload[1] ?? 0) & 0x04) === 0;
  let offset = 1;
  if (first & 0x80) {
    const extensions = payload[1] ?? 0;
    offset++;
    if (extensions & 0x80) offset += (payload[offset] ?? 0) & 0x80 ? 2 : 1;
    if (extensions & 0x40) offset++;
    if (extensions & 0x30) offset++;
  }
  return (first & 0x10) !== 0 && (first & 7) === 0 && ((payload[offset] ?? 1) & 1) === 0;
}

/** Publication with RTP of the SFU. */
export class FakeRtpSource extends FakeSource {
  override readonly rtp: RtpSender;

  constructor(sender: RtpSender, info: SourceInfo) {
    super(info);
    this.rtp = sender;
  }
}

/** Starts a WHIP publication with a running sender; stopped with the test. */
export async function startWhipSource(t: Test, options: SenderOptions): Promise<FakeRtpSource> {
  const sender = new RtpSender(options.codec);
  t.teardown(() => sender.close());
  await sender.start(options);
  const { codec, width, height } = options;
  const info: SourceInfo = { protocol: 'whip' };
  if (options.video !== false) info.video = { codec, width, height };
  if (options.audio !== false) info.audio = { codec: 'opus', sampleRate: 48_000, channels: 2 };
  return new FakeRtpSource(sender, info);
}

/** Video size of most senders, pixels. */
export const SMALL = { width: 640, height: 360 } as const;

/** Starts the publication, as when the first keyframe has arrived. */
export function publishSource(
  subscription: BroadcastSubscription,
  source: FakeRtpSource,
  options: Partial<SenderOptions> = {},
): void {
  subscription.publicationStarted?.(source);
  source.restart(Date.now(), { audio: options.audio !== false, video: options.video !== false });
}
