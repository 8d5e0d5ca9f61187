import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type postgres from 'postgres';
import type { Test } from 'tap';
import { testDatabase } from '../fixtures/database.js';
import {
  type GatewayProcess,
  type Livestream,
  OPERATOR_TOKEN,
  startGatewayProcess,
} from '../gateway/gateway-process.js';
import { run } from '../media/encoder.js';
import { until } from '../until.js';

export type ApiRecording = {
  id: string;
  state: 'recording' | 'ready' | 'failed';
  endReason: string | null;
  durationS: number;
  sizeBytes: number;
  droppedSegments: number;
  playback: { hls: string; mp4: string } | null;
};

/** Gateway process that records, with access to its database and its recordings folder. */
export class RecordingGateway {
  readonly gateway: GatewayProcess;
  readonly sql: postgres.Sql;
  readonly folder: string;

  private constructor(gateway: GatewayProcess, sql: postgres.Sql, folder: string) {
    this.gateway = gateway;
    this.sql = sql;
    this.folder = folder;
  }

  static async start(t: Test, environment: Record<string, string> = {}): Promise<RecordingGateway> {
    const { sql, url } = await testDatabase(t);
    const folder = environment.RECORDINGS_DIR ?? mkdtempSync(path.join(os.tmpdir(), 'headend-recordings-'));
    const gateway = await startGatewayProcess(t, {
      DATABASE_URL: url,
      RECORDINGS_DIR: folder,
      RECORDINGS_MIN_FREE: '0',
      LADDER: 'off',
      ...environment,
    });
    if (environment.RECORDINGS_DIR === undefined)
      t.teardown(() => rmSync(folder, { recursive: true, force: true }));
    return new RecordingGateway(gateway, sql, folder);
  }

  /** Creates a livestream that is recorded. */
  async createRecorded(): Promise<Livestream> {
    const livestream = await this.gateway.createLivestream();
    await this.gateway.api('PATCH', `/${livestream.streamId}`, { recordingEnabled: true });
    return livestream;
  }

  async request(method: string, at: string, body?: object): Promise<{ status: number; body: unknown }> {
    const response = await fetch(`${this.gateway.http}${at}`, {
      method,
      headers: {
        authorization: `Bearer ${OPERATOR_TOKEN}`,
        ...(body ? { 'content-type': 'application/json' } : {}),
      },
      ...(body ? { body: JSON.stringify(body) } : {}),
    });
    return { status: response.status, body: await response.json() };
  }

  async recordings({ streamId }: Pick<Livestream, 'streamId'>): Promise<ApiRecording[]> {
    return (await this.gateway.api<{ recordings: ApiRecording[] }>('GET', `/${streamId}/recordings`))
      .recordings;
  }

  /** Waits until the newest recording of a livestream satisfies a condition. */
  async untilRecording(
    livestream: Pick<Livestream, 'streamId'>,
    description: string,
    condition: (recording: ApiRecording) => boolean,
  ): Promise<ApiRecording> {
    return await until(description, async () => {
      const [newest] = await this.recordings(livestream);
      return newest && condition(newest) && newest;
    });
  }

  untilSeconds(livestream: Pick<Livestream, 'streamId'>, seconds: number): Promise<ApiRecording> {
    return this.untilRecording(
      livestream,
      `${seconds} s are recorded`,
      ({ durationS }) => durationS >= seconds,
    );
  }

  untilReady(livestream: Pick<Livestream, 'streamId'>): Promise<ApiRecording> {
    return this.untilRecording(livestream, 'the recording is ready', ({ state }) => state === 'ready');
  }

  async end({ streamId }: Pick<Livestream, 'streamId'>): Promise<void> {
    await this.gateway.api('POST', `/${streamId}/end`, {});
  }

  /** Paths of the files of a recording. */
  files({ id }: Pick<ApiRecording, 'id'>): string[] {
    const folder = path.join(this.folder, id);
    return existsSync(folder)
      ? readdirSync(folder)
          .sort()
          .map((name) => path.join(folder, name))
      : [];
  }
}

/** `firstS`, `lastS`: start and end of the presentation; `isMonotonic`: by decode times. */
export type ProbedFile = { frames: number; firstS: number; lastS: number; isMonotonic: boolean };

/** Decodes the first track of a file completely. @throws if ffmpeg reports an error */
export async function probeFile(file: string): Promise<ProbedFile> {
  // The time base of the file: ffmpeg's guess of the frame rate would make two times of one.
  const output = ['-enc_time_base', '-1', '-f', 'null', '-'];
  const decoded = await run('ffmpeg', ['-v', 'error', '-xerror', '-i', file, ...output]);
  if (decoded.stderr !== '') throw new Error(`${file}: ${decoded.stderr}`);
  const { stdout } = await run('ffprobe', [
    ...['-v', 'error', '-show_entries', 'packet=pts_time,dts_time,duration_time', '-of', 'csv=p=0', file],
  ]);
  const rows = stdout
    .trim()
    .split('\n')
    // `N/A` where the file does not say, such as the duration of a last packet.
    .map((row) => row.split(',').map((value) => Number(value) || 0));
  const decodeTimes = rows.map(([, dts = Number.NaN]) => dts);
  return {
    frames: rows.length,
    firstS: Math.min(...rows.map(([pts = Number.NaN]) => pts)),
    lastS: Math.max(...rows.map(([pts = Number.NaN, , durationS = 0]) => pts + durationS)),
    isMonotonic: decodeTimes.every((time, index) => index === 0 || time > decodeTimes[index - 1]!),
  };
}
