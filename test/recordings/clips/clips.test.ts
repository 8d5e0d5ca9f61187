import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import t, { type Test } from 'tap';
import { BarcodeCamera } from '../../../scripts/bench/barcode-camera.js';
import type { Clip } from '../../../src/api/contract.js';
import { OPERATOR_TOKEN } from '../../support/gateway/gateway-process.js';
import { run } from '../../support/media/encoder.js';
import { type ClockFrame, readFrameClocks } from '../../support/recordings/frame-clocks.js';
import { RecordingGateway } from '../../support/recordings/recording-gateway.js';
import { until } from '../../support/until.js';

const WIDTH = 640;

async function clipOf(recorder: RecordingGateway, id: string): Promise<Clip> {
  return ((await recorder.request('GET', `/api/clips/${id}`)).body as { clip: Clip }).clip;
}

async function createClip(recorder: RecordingGateway, at: string, body: object): Promise<Clip> {
  const { status, body: answer } = await recorder.request('POST', `/api/${at}/clips`, body);
  if (status !== 201) throw new Error(JSON.stringify(answer));
  return (answer as { clip: Clip }).clip;
}

function untilCut(recorder: RecordingGateway, { id }: Pick<Clip, 'id'>): Promise<Clip> {
  return until(
    'the clip is cut',
    async () => {
      const clip = await clipOf(recorder, id);
      if (clip.state === 'failed') {
        const logged = recorder.gateway.log.filter((line) => line.msg.startsWith('clip not cut'));
        throw new Error(`the clip failed: ${clip.failure} ${JSON.stringify(logged)}`);
      }
      return clip.state === 'ready' && clip;
    },
    60_000,
  );
}

/** Downloads the MP4 file of a recording or clip. */
async function download(t: Test, recorder: RecordingGateway, id: string): Promise<string> {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'headend-clip-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const response = await fetch(`${recorder.gateway.http}/recordings/${id}/download.mp4`, {
    headers: { authorization: `Bearer ${OPERATOR_TOKEN}` },
  });
  if (!response.ok) throw new Error(`download: ${response.status} ${await response.text()}`);
  const file = path.join(folder, 'clip.mp4');
  const bytes = await response.arrayBuffer().catch((error: unknown) => {
    throw new Error(`${error}: ${JSON.stringify(recorder.gateway.log.slice(-5))}`);
  });
  writeFileSync(file, Buffer.from(bytes));
  return file;
}

const clocks = (frames: readonly ClockFrame[]) => frames.map(({ clockMs }) => clockMs);

/** Returns when the audio of a file begins and ends, s. */
async function audioRange(file: string): Promise<{ startS: number; endS: number }> {
  const entries = ['-show_entries', 'packet=pts_time,duration_time', '-of', 'csv=p=0'];
  const { stdout } = await run('ffprobe', ['-v', 'error', '-select_streams', 'a:0', ...entries, file]);
  const rows = stdout
    .trim()
    .split('\n')
    .map((row) => row.split(',').map(Number.parseFloat));
  return { startS: rows[0]![0]!, endS: rows.at(-1)![0]! + (rows.at(-1)![1] || 0) };
}

t.test('clips of live and recorded media have the wanted frames, and outlive their source', async (t) => {
  const recorder = await RecordingGateway.start(t, { DVR_WINDOW: '7200', THUMBNAIL_EVERY: '60' });
  const { gateway } = recorder;
  const livestream = await gateway.createLivestream('A "test" / of clips');
  const stream = `livestream/${livestream.streamId}`;
  const camera = new BarcodeCamera({ url: livestream.rtmp, width: WIDTH, height: 360, bitrate: 1_500_000 });
  camera.start();
  t.teardown(() => camera.stop());
  await gateway.untilLive(livestream);
  const isRewindable = async (): Promise<boolean> => {
    const rows = await recorder.sql`select from recording_segments s join recording_files f
      on f.recording_id = s.recording_id and f.number = s.file_number where f.kind = 'video'`;
    return rows.length >= 4;
  };
  await until('there is a rewind window', isRewindable);

  // Live, from the window: the end is not stored yet.
  const end = Date.now();
  const dates = { start: new Date(end - 6_000).toISOString(), end: new Date(end).toISOString() };
  const live = await createClip(recorder, stream, { title: 'Live', ...dates });
  t.match(live, {
    state: 'processing',
    exact: false,
    visibility: 'public',
    recordingId: null,
    playback: null,
  });
  const [first] = await recorder.sql<
    { id: string }[]
  >`select id from recordings where purpose = 'rewind' limit 1`;
  t.ok(first);
  const { id: recordingId } = (
    (await recorder.request('POST', `/api/${stream}/recordings`)).body as {
      recording: { id: string };
    }
  ).recording;
  const cutLive = await untilCut(recorder, live);
  const liveFrames = await readFrameClocks(await download(t, recorder, live.id), WIDTH);
  const [begun, over] = [liveFrames[0]!.clockMs!, liveFrames.at(-1)!.clockMs!];
  t.ok(cutLive.durationS >= 5.9 && cutLive.durationS < 14, `${cutLive.durationS} s`);
  // The clock is that of the camera: it is some tenths of a second older than the date of its media.
  t.ok(begun <= end - 6_000 && begun > end - 13_000, `first frame ${end - 6_000 - begun} ms before`);
  t.ok(over >= end - 1_500 && over < end + 5_000, `last frame ${over - end} ms behind`);

  await recorder.untilSeconds(livestream, 9);
  await recorder.end(livestream);
  await camera.stop();
  const recording = await recorder.untilReady(livestream);
  t.equal(recording.id, recordingId);
  const frames = await readFrameClocks(await download(t, recorder, recordingId), WIDTH);
  const offsetS = frames[0]!.timeS;

  // By seconds of the recording; two frames within a segment.
  const [from, to] = [
    frames.findIndex(({ timeS }) => timeS - offsetS > 2.7),
    frames.findIndex(({ timeS }) => timeS - offsetS > 8.1),
  ];
  const range = { startS: frames[from]!.timeS - offsetS, endS: frames[to]!.timeS - offsetS };
  const recorded = `recordings/${recordingId}`;
  const exact = await createClip(recorder, recorded, {
    title: 'Exact',
    ...range,
    exact: true,
    visibility: 'unlisted',
  });
  // The row is locked until the gateway is gone: it cannot finish the clip before.
  await until('the gateway works on it, and is killed', () =>
    recorder.sql.begin(async (sql) => {
      // As after the seconds for which a claim is valid, by a claimant that is gone.
      const { count } = await sql`
        update recordings set claimed_by = gen_random_uuid(), claimed_until = now() - interval '1 s'
        where id = ${exact.id} and claimed_by is not null and state = 'recording'`;
      if (count === 0) return false;
      await gateway.kill('SIGKILL');
      return true;
    }),
  );
  await gateway.start();
  const whole = await createClip(recorder, recorded, { title: 'Whole', ...range });
  const cutWhole = await untilCut(recorder, whole);
  const cutExact = await untilCut(recorder, exact);
  const [attempts] = await recorder.sql<
    { attempts: number }[]
  >`select attempts from clips where id = ${exact.id}`;
  t.equal(attempts?.attempts, 2, 'the clip that a kill has interrupted is begun anew');

  const exactFile = await download(t, recorder, exact.id);
  const exactFrames = await readFrameClocks(exactFile, WIDTH);
  t.strictSame(clocks(exactFrames), clocks(frames.slice(from, to)), 'exactly the wanted frames');
  t.ok(Math.abs(cutExact.durationS - (range.endS - range.startS)) < 0.1, `${cutExact.durationS} s`);
  for (const [index, { timeS }] of exactFrames.entries()) {
    const expectedS = frames[from + index]!.timeS - frames[from]!.timeS;
    if (Math.abs(timeS - exactFrames[0]!.timeS - expectedS) > 0.002)
      t.fail(`frame ${index} is at ${timeS} s instead of ${expectedS} s`);
  }
  const wholeFile = await download(t, recorder, whole.id);
  const wholeClocks = clocks(await readFrameClocks(wholeFile, WIDTH));
  const at = clocks(frames).indexOf(wholeClocks[0]);
  t.ok(at >= 0 && at <= from && wholeClocks.length > to - from, 'whole segments contain the wanted frames');
  t.strictSame(
    wholeClocks,
    clocks(frames.slice(at, at + wholeClocks.length)),
    'no frame is changed or missing',
  );
  t.ok(cutWhole.durationS < range.endS - range.startS + 8.1, `${cutWhole.durationS} s`);
  for (const [file, { durationS }] of [
    [exactFile, cutExact],
    [wholeFile, cutWhole],
  ] as const) {
    const { startS, endS } = await audioRange(file);
    t.ok(Math.abs(startS) < 0.1 && Math.abs(endS - durationS) < 0.1, `audio from ${startS} to ${endS} s`);
  }

  // Media as those of recordings: ranges, entity tag, name, poster; HLS.
  const url = `${gateway.http}/recordings/${exact.id}/download.mp4`;
  const part = await fetch(url, { headers: { range: 'bytes=10-19' } });
  t.equal(part.status, 206);
  t.equal((await part.arrayBuffer()).byteLength, 10);
  t.match(part.headers.get('content-disposition'), /filename="Exact\.mp4"/);
  const etag = part.headers.get('etag') ?? '';
  t.equal((await fetch(url, { headers: { 'if-none-match': etag } })).status, 304);
  const hls = await fetch(cutExact.playback!.hls.replace(/^.*?(?=\/recordings)/, gateway.http));
  t.match(await hls.text(), /#EXTM3U[\s\S]*video\/index\.m3u8/);
  const poster = await fetch(`${gateway.http}/recordings/${exact.id}/poster.jpg`);
  t.equal(poster.headers.get('content-type'), 'image/jpeg');

  // The source is deleted; the clips stay, and take storage.
  t.equal((await recorder.request('DELETE', `/api/${recorded}`)).status, 200);
  await until('the recording is deleted', () => !readdirSync(recorder.folder).includes(recordingId));
  t.strictSame(
    clocks(await readFrameClocks(await download(t, recorder, exact.id), WIDTH)),
    clocks(exactFrames),
  );
  t.equal((await clipOf(recorder, exact.id)).recordingId, null);
  t.strictSame(readdirSync(path.join(recorder.folder, exact.id)).sort(), ['audio-0.mp4', 'video-0.mp4']);
  const listed = (await recorder.request('GET', '/api/clips')).body as { clips: Clip[] };
  t.strictSame(
    listed.clips.map(({ title }) => title),
    ['Whole', 'Live'],
    'unlisted ones are not listed',
  );

  await gateway.api('PATCH', `/${livestream.streamId}`, { visibility: 'private' });
  for (const file of ['index.m3u8', 'download.mp4', 'poster.jpg'])
    t.equal(
      (await fetch(`${gateway.http}/recordings/${exact.id}/${file}`)).status,
      404,
      `${file} is private`,
    );
  t.equal((await fetch(`${gateway.http}/api/clips/${exact.id}`)).status, 404);
  t.equal((await recorder.request('DELETE', `/api/clips/${exact.id}`)).status, 200);
  await until('its files are deleted', () => !readdirSync(recorder.folder).includes(exact.id));
});
