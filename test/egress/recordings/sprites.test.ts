import { execFileSync } from 'node:child_process';
import t from 'tap';
import { BARCODE } from '../../../scripts/bench/barcode.js';
import { BarcodeCamera } from '../../../scripts/bench/barcode-camera.js';
import { OPERATOR_TOKEN } from '../../support/gateway/gateway-process.js';
import { clockOf } from '../../support/recordings/frame-clocks.js';
import { RecordingGateway } from '../../support/recordings/recording-gateway.js';
import { until } from '../../support/until.js';

type Cue = { dateMs: number; startS: number; url: URL; x: number };

async function readCues(url: URL): Promise<Cue[]> {
  const response = await fetch(url);
  if (!response.ok) return [];
  const text = await response.text();
  return [...text.matchAll(/^(\S+Z)\n(\d\d):(\d\d):(\S+) --> \S+\n(\S+)#xywh=(\d+),0,160,90$/gm)].map(
    ([, date = '', hours, minutes, seconds, address = '', x]) => ({
      dateMs: Date.parse(date),
      startS: Number(hours) * 3_600 + Number(minutes) * 60 + Number(seconds),
      url: new URL(address, url),
      x: Number(x),
    }),
  );
}

/** Reads the clock of a tile, Unix ms; undefined if its checksum is wrong. */
async function readClock({ url, x }: Cue): Promise<number | undefined> {
  const jpeg = Buffer.from(await (await fetch(url)).arrayBuffer());
  const filter = `crop=160:90:${x}:0,format=gray`;
  const pixels = execFileSync(
    'ffmpeg',
    ['-v', 'error', '-f', 'mjpeg', '-i', 'pipe:0', '-vf', filter, '-f', 'rawvideo', 'pipe:1'],
    { input: jpeg },
  );
  const { width, cell } = BARCODE;
  const cellPx = (cell * 160) / width;
  return clockOf((bit) => {
    let sum = 0;
    for (let at = bit * cellPx; at < (bit + 1) * cellPx; at++) sum += pixels[at] ?? 0;
    return sum / cellPx > 127;
  });
}

t.test('preview tiles show the picture of their time, live and in the recording', async (t) => {
  const recorder = await RecordingGateway.start(t, { THUMBNAIL_EVERY: '60', DVR_WINDOW: '7200' });
  const { gateway } = recorder;
  const livestream = await recorder.createRecorded();
  const camera = new BarcodeCamera({ url: livestream.rtmp, width: 640, height: 360, bitrate: 1_500_000 });
  camera.start();
  t.teardown(() => camera.stop());
  const live = new URL(`${gateway.http}/rewind/${livestream.streamId}/sprites.vtt`);
  const growing = await until('there are tiles of the broadcast', async () => {
    const cues = await readCues(live);
    return cues.length > 0 && cues;
  });
  await recorder.untilSeconds(livestream, 11);
  await recorder.end(livestream);
  const recording = await recorder.untilReady(livestream);
  const cues = await until('the last tiles are rendered', async () => {
    const all = await readCues(new URL(`${gateway.http}/recordings/${recording.id}/sprites.vtt`));
    return all.length > growing.length && all;
  });
  for (const [index, cue] of cues.entries()) {
    const clockMs = await readClock(cue);
    t.ok(
      clockMs !== undefined && Math.abs(clockMs - cue.dateMs) < 1_500,
      `tile ${index} of ${cue.dateMs} shows ${clockMs}`,
    );
    const expectedS = (cue.dateMs - cues[0]!.dateMs) / 1_000;
    t.ok(Math.abs(cue.startS - expectedS) < 0.1, `${cue.startS} s is the position of ${expectedS} s`);
  }
  const poster = await until('there is a poster', async () => {
    const response = await fetch(`${gateway.http}/recordings/${recording.id}/poster.jpg`);
    return response.ok && response;
  });
  t.equal(poster.headers.get('content-type'), 'image/jpeg');

  await gateway.api('PATCH', `/${livestream.streamId}`, { visibility: 'private' });
  for (const url of [cues[0]!.url, new URL(poster.url)])
    t.equal((await fetch(url)).status, 404, `${url.pathname} is as private as its livestream`);
  const headers = { authorization: `Bearer ${OPERATOR_TOKEN}` };
  const playlist = await (
    await fetch(`${gateway.http}/recordings/${recording.id}/index.m3u8`, { headers })
  ).text();
  const token = /v=([^"\s]+)/.exec(playlist)?.[1];
  const [allowed] = await readCues(
    new URL(`${gateway.http}/recordings/${recording.id}/sprites.vtt?v=${token}`),
  );
  t.equal((await fetch(allowed!.url)).headers.get('cache-control'), 'private, no-store');
});
