import path from 'node:path';
import type { Page } from 'playwright-core';
import t, { type Test } from 'tap';
import { openChromium } from '../support/chromium.js';
import { run } from '../support/encoder.js';
import { flashToBeep } from '../support/flash-and-beep.js';
import { type Livestream, startGatewayProcess } from '../support/gateway-process.js';
import { openPage } from '../support/pages.js';
import { playback, watchByWebrtc } from '../support/watch-page.js';
import { publishFromPage, stopPublishing } from '../support/whip-page.js';

const browser = await openChromium(t, { webrtc: true });
const gateway = await startGatewayProcess(t);

/** Records what HLS has from now on. @returns the file */
async function record(t: Test, { hls }: Livestream, seconds: number): Promise<string> {
  const file = path.join(t.testdir(), 'recording.mp4');
  await run('ffmpeg', ['-v', 'error', '-i', hls, '-t', String(seconds), '-c', 'copy', file]);
  return file;
}

/** The picture flashes at every full second, and a beep sounds. */
async function inSync(t: Test, recording: string, least: number): Promise<void> {
  const offsets = (await flashToBeep(recording)).toSorted((a, b) => a - b);
  t.ok(offsets.length >= least, `${offsets.length} flashes and beeps`);
  const middle = offsets[offsets.length >> 1] ?? Number.NaN;
  t.ok(Math.abs(middle) < 0.1, `beep ${Math.round(middle * 1000)} ms after the flash`);
}

for (const codec of ['video/H264', 'video/VP8', 'video/VP9'] as const)
  t.test(`a browser publishes ${codec} by WHIP, watched by WHEP and by HLS`, async (t) => {
    const livestream = await gateway.createLivestream();
    const camera = await openPage(t, browser);
    await publishFromPage(camera, gateway, livestream.streamKey, { codec });
    await gateway.untilLive(livestream);
    const recorded = record(t, livestream, 8);
    const page = await watchByWebrtc(t, browser, livestream);
    t.equal((await playback(page)).webrtc?.codec, codec);
    const { stream } = await gateway.api<{ stream: { source: object } }>('GET', `/${livestream.streamId}`);
    t.match(stream.source, {
      protocol: 'whip',
      video: { codec: codec.slice('video/'.length).toLowerCase(), width: 640, height: 360 },
      audio: { codec: 'opus' },
    });

    await inSync(t, await recorded, 5);

    t.equal(await stopPublishing(camera), 200);
    t.equal(await gateway.state(livestream.streamId), 'reconnecting');
  });

/** Has the browser send nothing of one kind, or send it again. */
async function sends(page: Page, kind: 'audio' | 'video', active: boolean): Promise<void> {
  await page.evaluate(`(async () => {
    const sender = window.whip.pc.getSenders().find(({ track }) => track.kind === '${kind}');
    const parameters = sender.getParameters();
    for (const encoding of parameters.encodings) encoding.active = ${active};
    await sender.setParameters(parameters);
  })()`);
}

/** The renditions of a livestream, by the addresses of their playlists. */
async function playlistsOf({ hls }: Livestream): Promise<string[]> {
  const text = await (await fetch(hls)).text();
  const uris = [...text.matchAll(/^(?!#)\S+$|URI="([^"]+)"/gm)].map(([line, uri]) => uri ?? line);
  return uris.map((uri) => new URL(uri, hls).href);
}

/** What a media playlist says of its own rendition. */
async function mediaOf(playlist: string): Promise<string> {
  const text = await (await fetch(playlist)).text();
  return text.replaceAll(/^#EXT-X-RENDITION-REPORT:.*$/gm, '');
}

/** The longest time, in ms, that any of the playlists stays as it is within `ms`. */
async function longestStandstill(playlists: string[], ms: number): Promise<number> {
  const seen = playlists.map(() => ({ text: '', at: performance.now() }));
  let longest = 0;
  for (const end = performance.now() + ms; performance.now() < end; ) {
    const texts = await Promise.all(playlists.map(mediaOf));
    const now = performance.now();
    for (const [index, last] of seen.entries()) {
      longest = Math.max(longest, now - last.at);
      if (texts[index] !== last.text) seen[index] = { text: texts[index] ?? '', at: now };
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return longest;
}

t.test('HLS goes on when a browser takes its sound away, or its picture, and brings it back', async (t) => {
  const livestream = await gateway.createLivestream();
  const camera = await openPage(t, browser);
  await publishFromPage(camera, gateway, livestream.streamKey);
  await gateway.untilLive(livestream);
  const playlists = await playlistsOf(livestream);
  t.ok(playlists.length >= 2, playlists.join(' '));
  // A picture is missed later: a still screen is sent once a second.
  for (const [kind, patience] of [
    ['audio', 2_500],
    ['video', 7_000],
  ] as const) {
    await sends(camera, kind, false);
    const without = await longestStandstill(playlists, 8_000);
    t.ok(without < patience, `without ${kind} a rendition stands still for ${Math.round(without)} ms`);
    await sends(camera, kind, true);
    const back = await longestStandstill(playlists, 8_000);
    t.ok(back < 4_000, `when it is back, for ${Math.round(back)} ms`);
    await inSync(t, await record(t, livestream, 6), 3);
  }
});
