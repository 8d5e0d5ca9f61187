import path from 'node:path';
import type { Page } from 'playwright-core';
import t, { type Test } from 'tap';
import { openChromium } from '../support/chromium.js';
import { film, publish, run } from '../support/encoder.js';
import { flashToBeep } from '../support/flash-and-beep.js';
import {
  type GatewayProcess,
  type Livestream,
  startGatewayProcess,
  until,
} from '../support/gateway-process.js';
import { LossyRelay } from '../support/lossy-relay.js';
import { playback, untilPlaying, untilPlaysOn } from '../support/watch-page.js';
import { publishFromPage, stopPublishing } from '../support/whip-page.js';

async function live(gateway: GatewayProcess, { streamId }: Livestream): Promise<void> {
  await until('the stream is live', async () => (await gateway.state(streamId)) === 'live');
}

async function protocol(gateway: GatewayProcess, { streamId }: Livestream): Promise<string | undefined> {
  type Answer = { stream: { source: { protocol: string } | null } };
  return (await gateway.api<Answer>('GET', `/${streamId}`)).stream.source?.protocol;
}

async function newPage(t: Test): Promise<Page> {
  const browser = await openChromium(t, { webrtc: true });
  return await browser.newPage();
}

/** Opens the watch page and waits until it plays by WebRTC. */
async function watchByWebrtc(t: Test, livestream: Livestream): Promise<Page> {
  const page = await newPage(t);
  await page.goto(livestream.watch);
  await untilPlaying(page);
  t.equal((await playback(page)).delivery, 'webrtc');
  await page.evaluate("window.mark = 'never reloaded'");
  return page;
}

for (const codec of ['video/H264', 'video/VP8', 'video/VP9'] as const)
  t.test(`a browser publishes ${codec} by WHIP, watched by WHEP and by HLS`, async (t) => {
    const gateway = await startGatewayProcess(t);
    const livestream = await gateway.createLivestream();
    const camera = await newPage(t);
    await publishFromPage(camera, gateway, livestream.streamKey, { codec });
    await live(gateway, livestream);
    const page = await watchByWebrtc(t, livestream);
    t.equal((await playback(page)).webrtc?.codec, codec);
    const { stream } = await gateway.api<{ stream: { source: object } }>('GET', `/${livestream.streamId}`);
    t.match(stream.source, {
      protocol: 'whip',
      video: { codec: codec.slice('video/'.length).toLowerCase(), width: 640, height: 360 },
      audio: { codec: 'opus' },
    });

    const recording = path.join(t.testdir(), 'recording.mp4');
    await run('ffmpeg', ['-v', 'error', '-i', livestream.hls, '-t', '8', '-c', 'copy', recording]);
    const offsets = (await flashToBeep(recording)).toSorted((a, b) => a - b);
    t.ok(offsets.length >= 5, 'flashes and beeps are there');
    const middle = offsets[offsets.length >> 1] ?? Number.NaN;
    t.ok(Math.abs(middle) < 0.1, `beep ${Math.round(middle * 1000)} ms after the flash`);

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
  const gateway = await startGatewayProcess(t);
  const livestream = await gateway.createLivestream();
  const camera = await newPage(t);
  await publishFromPage(camera, gateway, livestream.streamKey);
  await live(gateway, livestream);
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
    const recording = path.join(t.testdir(), `${kind}.mp4`);
    await run('ffmpeg', ['-v', 'error', '-i', livestream.hls, '-t', '6', '-c', 'copy', recording]);
    const offsets = (await flashToBeep(recording)).toSorted((a, b) => a - b);
    t.ok(offsets.length >= 3, 'flashes and beeps are there');
    const middle = offsets[offsets.length >> 1] ?? Number.NaN;
    t.ok(Math.abs(middle) < 0.1, `beep ${Math.round(middle * 1000)} ms after the flash`);
  }
});

t.test('RTMP with B-frames and AAC plays over WebRTC, with no settings', async (t) => {
  const gateway = await startGatewayProcess(t);
  const livestream = await gateway.createLivestream();
  publish(t, await film(60), livestream.rtmp);
  await live(gateway, livestream);
  const page = await watchByWebrtc(t, livestream);
  const before = await playback(page);
  await page.waitForTimeout(5_000);
  const after = await playback(page);
  const frames = (after.webrtc?.framesDecoded ?? 0) - (before.webrtc?.framesDecoded ?? 0);
  t.ok(frames > 100, `${frames} frames in five seconds`);
});

t.test('the broadcast hops from RTMP to a browser and back, and its viewer stays connected', async (t) => {
  const gateway = await startGatewayProcess(t);
  const livestream = await gateway.createLivestream();
  const source = await film(120);
  const first = publish(t, source, livestream.rtmp);
  await live(gateway, livestream);
  const page = await watchByWebrtc(t, livestream);

  const camera = await newPage(t);
  await publishFromPage(camera, gateway, livestream.streamKey);
  await first.ended;
  await untilPlaysOn(page);
  t.equal(await protocol(gateway, livestream), 'whip');

  publish(t, source, livestream.rtmp, { from: 30 });
  await until('RTMP is back', async () => (await protocol(gateway, livestream)) === 'rtmp');
  await untilPlaysOn(page);
  const { delivery, falls } = await playback(page);
  t.match({ delivery, falls }, { delivery: 'webrtc', falls: 0 }, 'it never needed HLS');
  t.ok(await page.evaluate<boolean>("window.mark === 'never reloaded'"));
});

t.test('a publishing tab that vanishes and comes back within the grace keeps its viewers', async (t) => {
  const gateway = await startGatewayProcess(t);
  const livestream = await gateway.createLivestream();
  const camera = await newPage(t);
  await publishFromPage(camera, gateway, livestream.streamKey);
  await live(gateway, livestream);
  const page = await watchByWebrtc(t, livestream);
  await camera.context().browser()?.close();
  await publishFromPage(await newPage(t), gateway, livestream.streamKey);
  await untilPlaysOn(page);
  t.equal((await playback(page)).delivery, 'webrtc');
  t.ok(await page.evaluate<boolean>("window.mark === 'never reloaded'"));
});

t.test('three packets of a hundred lost both ways are made good', async (t) => {
  const gateway = await startGatewayProcess(t);
  const livestream = await gateway.createLivestream();
  const camera = await newPage(t);
  const up = await LossyRelay.open(t, gateway.webrtcPort, 0.03);
  await up.lead(camera);
  await publishFromPage(camera, gateway, livestream.streamKey);
  await live(gateway, livestream);
  const page = await newPage(t);
  const down = await LossyRelay.open(t, gateway.webrtcPort, 0.03);
  await down.lead(page);
  await page.goto(livestream.watch);
  await untilPlaying(page);
  const before = await playback(page);
  await page.waitForTimeout(10_000);
  const after = await playback(page);
  t.equal(after.delivery, 'webrtc', 'no need for HLS');
  t.ok(up.lost > 20 && down.lost > 20, `lost ${up.lost} up, ${down.lost} down`);
  // Chromium calls a picture frozen also where it lacks the processor: what counts is that pictures keep coming.
  const frames = (after.webrtc?.framesDecoded ?? 0) - (before.webrtc?.framesDecoded ?? 0);
  t.ok(frames > 200, `${frames} pictures in ten seconds`);
  t.comment(`${(after.webrtc?.freezes ?? 0) - (before.webrtc?.freezes ?? 0)} freezes`);
});

t.test('a viewer whose UDP is blocked gets HLS by itself', async (t) => {
  const gateway = await startGatewayProcess(t);
  const livestream = await gateway.createLivestream();
  publish(t, await film(60), livestream.rtmp);
  await live(gateway, livestream);
  const page = await newPage(t);
  const wall = await LossyRelay.open(t, gateway.webrtcPort, 1);
  await wall.lead(page);
  await page.goto(livestream.watch);
  await untilPlaying(page);
  t.match(await playback(page), { delivery: 'hls', falls: 1 });
});
