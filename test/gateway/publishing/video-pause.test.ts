import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import t from 'tap';
import { startGatewayProcess } from '../../support/gateway/gateway-process.js';
import { publish, run, TEST_MEDIA_FOLDER } from '../../support/media/encoder.js';
import { until } from '../../support/until.js';

const PAUSE = { from: 4, to: 12 };

const folder = process.env[TEST_MEDIA_FOLDER] || path.join(os.tmpdir(), `headend-test-media-${process.ppid}`);

/** 30 s of H.264 and AAC at 30 frames a second, keyframes every 2 s; no video frames during the pause. */
async function mediaWithPause(pause: typeof PAUSE | undefined): Promise<string> {
  const file = path.join(folder, `pause-${pause ? `${pause.from}-${pause.to}` : 'none'}.flv`);
  if (existsSync(file)) return file;
  mkdirSync(folder, { recursive: true });
  const made = `${file}.${process.pid}`;
  const select = pause ? `select='not(between(t,${pause.from},${pause.to}))'` : 'null';
  await run('ffmpeg', [
    ...['-v', 'error', '-f', 'lavfi', '-i', 'testsrc2=size=640x360:rate=30'],
    ...['-f', 'lavfi', '-i', 'sine=frequency=440:sample_rate=44100', '-t', '30'],
    ...['-vf', select, '-fps_mode', 'passthrough', '-c:v', 'libx264', '-preset', 'ultrafast', '-bf', '0'],
    ...['-g', '1000', '-sc_threshold', '0', '-force_key_frames', 'expr:gte(t,n_forced*2)', '-b:v', '600k'],
    ...['-pix_fmt', 'yuv420p', '-c:a', 'aac', '-b:a', '96k', '-f', 'flv', made],
  ]);
  renameSync(made, file);
  return file;
}

/** Same media with another frame rate in `onMetaData`, which ffmpeg forwards to the gateway. */
async function mediaWithFrameRate(frameRate: number): Promise<string> {
  const bytes = Buffer.from(readFileSync(await mediaWithPause(undefined)));
  const name = bytes.indexOf('framerate');
  bytes.writeDoubleBE(frameRate, name + 'framerate'.length + 1);
  const file = path.join(folder, `claims-${frameRate}-${process.pid}.flv`);
  writeFileSync(file, bytes);
  return file;
}

/** Fetches every media playlist that the multivariant playlist names, video before audio. */
async function mediaPlaylists(hls: string): Promise<string[]> {
  const multivariant = await (await fetch(hls)).text();
  const uris = [...new Set(multivariant.match(/^[^#\n]+\.m3u8/gm) ?? [])];
  return Promise.all(uris.map(async (uri) => (await fetch(new URL(uri, hls))).text()));
}

function attribute(playlist: string, name: string): number {
  return Number(new RegExp(`[:,]${name}=([\\d.]+)`).exec(playlist)?.[1]);
}

const targetDuration = (playlist: string): number =>
  Number(/#EXT-X-TARGETDURATION:(\d+)/.exec(playlist)?.[1]);

t.test('video that pauses for 8 s while audio continues does not interrupt the gateway or HLS', async (t) => {
  const gateway = await startGatewayProcess(t);
  const { streamId, rtmp, hls } = await gateway.createLivestream();
  publish(t, await mediaWithPause(PAUSE), rtmp);
  await gateway.untilLive({ streamId });
  const healthy = async (): Promise<boolean> =>
    (await fetch(`${gateway.http}/healthz`, { signal: AbortSignal.timeout(3_000) })).ok;
  // Media of each kind, newest first, by the wall clock of their playlist.
  const newest = async (kind: 'video' | 'audio'): Promise<number> => {
    const playlists = await mediaPlaylists(hls);
    const playlist = kind === 'video' ? playlists[0] : playlists.at(-1);
    const times = [
      ...(playlist ?? '').matchAll(/PROGRAM-DATE-TIME:(.+)\n(?:#EXT-X-PART|#EXTINF|#EXT-X-INDEP)/g),
    ];
    return Date.parse(times.at(-1)?.[1] ?? '');
  };
  const began = Date.now();
  await until('audio continues during the pause', async () => {
    t.ok(await healthy());
    return Date.now() - began > 7_000 && Date.now() - (await newest('audio')) < 4_000;
  });
  // Video returns 12 s after the beginning of the file.
  await until('the video has returned', async () => {
    t.ok(await healthy());
    return Date.now() - began > 14_000 && Date.now() - (await newest('video')) < 4_000;
  });
  for (const playlist of await mediaPlaylists(hls)) {
    t.ok(attribute(playlist, 'PART-TARGET') <= targetDuration(playlist), 'parts are no longer than segments');
    t.ok(attribute(playlist, 'PART-HOLD-BACK') <= 6, 'players stay near the live edge');
    t.ok(targetDuration(playlist) <= 10, 'no segment has the length of the pause');
  }
  t.ok(await healthy());
});

t.test(
  'a frame rate in the metadata that the media contradict leaves the part target unchanged',
  async (t) => {
    const gateway = await startGatewayProcess(t);
    for (const claimed of [0.05, 1, 300]) {
      const { streamId, rtmp, hls } = await gateway.createLivestream();
      const encoder = publish(t, await mediaWithFrameRate(claimed), rtmp);
      await gateway.untilLive({ streamId });
      const playlists = await mediaPlaylists(hls);
      t.ok(playlists.length > 1);
      for (const playlist of playlists) {
        t.ok(attribute(playlist, 'PART-TARGET') < 0.5, `${claimed}: ${attribute(playlist, 'PART-TARGET')}`);
        t.ok(attribute(playlist, 'PART-HOLD-BACK') < 1.5, `${claimed} fps announced`);
        t.match(playlist, '#EXT-X-PART:', 'the playlist has parts');
      }
      await until('the frame rate is measured', async () => {
        const { stream } = await gateway.api<{ stream: { source: { video?: { frameRate?: number } } } }>(
          'GET',
          `/${streamId}`,
        );
        return Math.abs((stream.source?.video?.frameRate ?? 0) - 30) < 1;
      });
      await encoder.stop();
    }
  },
);
