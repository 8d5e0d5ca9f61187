import type { Test } from 'tap';
import { senderReport } from '../../../src/media/index.js';
import type { PublishingPeer, WebrtcPool } from '../../../src/webrtc/index.js';
import { FakeSource } from '../fakes/fake-broadcast.js';
import { AUDIO, connectPublisher, publisherPlan, startWebrtcPool, VIDEO } from '../gateway/webrtc-pool.js';
import { av1Payloads, encodeAv1, type Obu, temporalUnits } from '../media/rtp/av1-rtp.js';
import { encodeBeep } from '../media/rtp/opus-rtp.js';
import { rtpPacket } from '../media/rtp/synthetic-rtp.js';
import type { RtcPeer } from './rtc-peers.js';

const MEDIA_SOURCE_ID = 'media-source-1';
const FRAMES_PER_LOOP = 30;
const AUDIO_PACKET_MS = 20;
const REPORT_INTERVAL_MS = 1000;
const SEND_INTERVAL_MS = 5;

/**
 * Publisher of AV1 and Opus in a real SFU. At every full second of this machine's clock the video turns white and a
 * tone sounds, each for a tenth of a second. Keyframes come every third of a second; lost packets are not resent.
 */
export class Av1Publisher {
  readonly source: FakeSource;
  readonly pool: WebrtcPool;
  /** Sends no packets of a kind while set. */
  muted: { video: boolean; audio: boolean } = { video: false, audio: false };
  /** Number of frames per lost packet. */
  lossInterval = Number.POSITIVE_INFINITY;
  /** Number of lost packets. */
  lost = 0;
  /** Number of open Matroska outputs. */
  outputs = 0;
  #temporalUnits: Obu[][];
  readonly #beep: Buffer[];
  readonly #peer: RtcPeer;
  readonly #timers: NodeJS.Timeout[];
  readonly #epoch = Math.ceil(Date.now() / 1000) * 1000;
  #frameCount = 0;
  #audioPacketCount = 0;
  #sequence = 1;

  private constructor(
    pool: WebrtcPool,
    peer: RtcPeer,
    publishing: PublishingPeer,
    units: Obu[][],
    beep: Buffer[],
  ) {
    this.pool = pool;
    this.#peer = peer;
    this.#temporalUnits = units;
    this.#beep = beep;
    this.source = this.#makeSource();
    publishing.onSource((found) => {
      this.source.info = { ...this.source.info, ...found };
    });
    publishing.onMedia((startedAt, has) => this.source.restart(startedAt, has));
    this.#timers = [
      setInterval(() => this.#send(), SEND_INTERVAL_MS),
      setInterval(() => this.#report(), REPORT_INTERVAL_MS),
    ];
  }

  /** Starts to send at the next full second. */
  static async start(t: Test): Promise<Av1Publisher> {
    const units = temporalUnits(
      await encodeAv1(t, { ...FRAME_SIZE, frameCount: FRAMES_PER_LOOP, flash: true }),
    );
    const beep = await encodeBeep(t);
    const { pool, peers } = await startWebrtcPool(t);
    const { peer, publishing } = await connectPublisher(
      pool,
      peers,
      MEDIA_SOURCE_ID,
      publisherPlan({ codec: 'av1' }),
    );
    const publisher = new Av1Publisher(pool, peer, publishing, units, beep);
    t.teardown(() => publisher.stop());
    return publisher;
  }

  /** Changes the video size at the next keyframe. */
  async resize(t: Test, width: number, height: number): Promise<void> {
    const units = temporalUnits(
      await encodeAv1(t, { width, height, frameCount: FRAMES_PER_LOOP, flash: true }),
    );
    while (this.#frameCount % FRAMES_PER_LOOP !== 0) await new Promise((resolve) => setTimeout(resolve, 1));
    this.#temporalUnits = units;
  }

  stop(): void {
    for (const timer of this.#timers) clearInterval(timer);
  }

  #makeSource(): FakeSource {
    const { pool } = this;
    const opened = (): void => void this.outputs++;
    const closed = (): void => void this.outputs--;
    return new (class extends FakeSource {
      override readonly rtp = {
        mediaSourceId: MEDIA_SOURCE_ID,
        send: ({ video, audio, srtpKey }: { video?: number; audio?: number; srtpKey: string }) =>
          pool.sendRtp({
            mediaSourceId: MEDIA_SOURCE_ID,
            srtpKey,
            ...(video === undefined ? {} : { videoPort: video }),
            ...(audio === undefined ? {} : { audioPort: audio }),
          }),
        sendMatroska: async (options: { zero: number; audio: boolean }) => {
          const output = await pool.sendMatroska({ mediaSourceId: MEDIA_SOURCE_ID, ...options });
          opened();
          let open = true;
          const close = (): void => {
            output.close();
            if (open) closed();
            open = false;
          };
          return { path: output.path, close };
        },
      };
    })({ protocol: 'whip' });
  }

  /** Sends the packets that are due. */
  #send(): void {
    const now = Date.now() - this.#epoch;
    const packets: Buffer[] = [];
    for (; (this.#frameCount * 1000) / FRAMES_PER_LOOP <= now; this.#frameCount++) {
      if (this.muted.video) continue;
      const unit = this.#temporalUnits[this.#frameCount % FRAMES_PER_LOOP] ?? [];
      const payloads = av1Payloads(unit, { mtu: 1100, counted: true });
      const timestamp = this.#frameCount * (90_000 / FRAMES_PER_LOOP);
      const loses = this.#frameCount % this.lossInterval === this.lossInterval - 1;
      payloads.forEach((payload, i) => {
        const marker = i === payloads.length - 1;
        const packet = rtpPacket({ ...VIDEO, sequence: this.#sequence++, timestamp, marker, payload });
        if (loses && i === 0) this.lost++;
        else packets.push(packet);
      });
    }
    for (; this.#audioPacketCount * AUDIO_PACKET_MS <= now; this.#audioPacketCount++) {
      const payload = this.#beep[this.#audioPacketCount % this.#beep.length] ?? Buffer.alloc(0);
      const fields = {
        ...AUDIO,
        sequence: this.#audioPacketCount,
        timestamp: this.#audioPacketCount * 960,
        payload,
      };
      if (!this.muted.audio) packets.push(rtpPacket(fields));
    }
    if (packets.length > 0) this.#peer.send(...packets);
  }

  #report(): void {
    const time = Date.now();
    const common = { time, packets: 1, bytes: 1, cname: 'x' };
    const since = time - this.#epoch;
    if (since < 0) return;
    this.#peer.send(
      senderReport({ ...common, ssrc: VIDEO.ssrc, timestamp: (since * 90) >>> 0 }),
      senderReport({ ...common, ssrc: AUDIO.ssrc, timestamp: (since * 48) >>> 0 }),
    );
  }
}

const FRAME_SIZE = { width: 320, height: 180 };
