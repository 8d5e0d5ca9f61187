import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import t from 'tap';
import { BarcodeCamera } from '../../../scripts/bench/barcode-camera.js';
import type { ChatReplay, ClipResponse } from '../../../src/api/contract.js';
import { openChromium } from '../../support/clients/chromium.js';
import { openPage } from '../../support/clients/pages.js';
import { untilPlaying } from '../../support/clients/watch-page.js';
import { readFrameClocks } from '../../support/recordings/frame-clocks.js';
import { RecordingGateway } from '../../support/recordings/recording-gateway.js';
import { until } from '../../support/until.js';

const WIDTH = 640;

t.test('the chat of a recording is beside the pictures of its time, over a reconnect', async (t) => {
  const [browser, recorder] = await Promise.all([openChromium(t), RecordingGateway.start(t)]);
  const { gateway } = recorder;
  const livestream = await recorder.createRecorded();
  const chat = `/${livestream.streamId}/chat`;
  const said = new Map<string, number>();
  const say = async (message: string): Promise<void> => {
    said.set(message, Date.now());
    await gateway.api('POST', chat, { message, userId: 'vera', name: 'Vera' });
  };
  const start = async (): Promise<BarcodeCamera> => {
    const camera = new BarcodeCamera({ url: livestream.rtmp, width: WIDTH, height: 360, bitrate: 1_000_000 });
    camera.start();
    t.teardown(() => camera.stop());
    await until('it is live', async () => (await gateway.state(livestream.streamId)) === 'live');
    return camera;
  };
  const first = await start();
  await recorder.untilSeconds(livestream, 4);
  await say('before');
  await recorder.untilSeconds(livestream, 6);
  await first.stop();
  await until('it waits', async () => (await gateway.state(livestream.streamId)) === 'reconnecting');
  const { durationS: beforeS } = (await recorder.recordings(livestream))[0]!;
  const stoppedMs = Date.now();
  // Twice the difference between place and time that the check allows.
  await until('the gap is long enough', () => Date.now() - stoppedMs > 4_000);
  const second = await start();
  await recorder.untilSeconds(livestream, beforeS + 4);
  await say('behind');
  await recorder.untilSeconds(livestream, beforeS + 7);
  await recorder.end(livestream);
  await second.stop();
  const { id } = await recorder.untilReady(livestream);

  const folder = mkdtempSync(path.join(os.tmpdir(), 'headend-chat-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const download = async (of: string): Promise<string> => {
    const file = path.join(folder, `${of}.mp4`);
    const response = await fetch(`${gateway.http}/recordings/${of}/download.mp4`);
    writeFileSync(file, Buffer.from(await response.arrayBuffer()));
    return file;
  };
  const frames = await readFrameClocks(await download(id), WIDTH);
  const { messages } = (await recorder.request('GET', `/api/recordings/${id}/chat`)).body as ChatReplay;
  t.strictSame(
    messages.map(({ message }) => message.message),
    ['before', 'behind'],
  );
  for (const { positionS, message } of messages) {
    const shownMs = frames.findLast(({ timeS }) => timeS <= positionS + 0.1)?.clockMs ?? Number.NaN;
    const differenceMs = said.get(message.message)! - shownMs;
    // The picture was on its way to the server for some tenths of a second.
    t.ok(
      Math.abs(differenceMs) < 2_000,
      `"${message.message}" at ${positionS} s is ${differenceMs} ms from the picture`,
    );
  }

  const [before, behind] = messages.map(({ positionS }) => positionS) as [number, number];

  // An exact clip over the reconnect has the same frames, and its chat beside the same pictures.
  const wanted = { title: 'Both', startS: before - 1, endS: behind + 1, exact: true };
  const made = (await recorder.request('POST', `/api/recordings/${id}/clips`, wanted)).body as ClipResponse;
  const clip = await until('the clip is cut', async () => {
    const { body } = await recorder.request('GET', `/api/clips/${made.clip.id}`);
    const found = (body as ClipResponse).clip;
    if (found.state === 'failed') throw new Error(`the clip failed: ${found.failure}`);
    return found.state === 'ready' && found;
  });
  const clipFrames = await readFrameClocks(await download(clip.id), WIDTH);
  const clocks = frames.map(({ clockMs }) => clockMs);
  const from = clocks.indexOf(clipFrames[0]?.clockMs);
  t.ok(Math.abs(frames[from]!.timeS - wanted.startS) < 0.1, `begins at ${frames[from]?.timeS} s`);
  t.strictSame(
    clipFrames.map(({ clockMs }) => clockMs),
    clocks.slice(from, from + clipFrames.length),
    'no frame is missing',
  );
  const lastS = frames[from + clipFrames.length - 1]!.timeS;
  t.ok(Math.abs(lastS - wanted.endS) < 0.15, `ends at ${lastS} s`);
  const clipChat = (await recorder.request('GET', `/api/clips/${clip.id}/chat`)).body as ChatReplay;
  t.equal(clipChat.messages.length, 2);
  for (const [index, { positionS }] of clipChat.messages.entries()) {
    const expectedS = messages[index]!.positionS - wanted.startS;
    t.ok(Math.abs(positionS - expectedS) < 0.15, `message ${index} at ${positionS} s of the clip`);
  }

  const page = await openPage(t, browser);
  await page.goto(livestream.watch);
  await untilPlaying(page);
  const replay = page.getByRole('complementary', { name: 'Chat replay' });
  const shown = async (): Promise<string[]> => await replay.locator('bdi').allTextContents();
  const seek = (seconds: number) => page.evaluate(`document.querySelector('video').currentTime = ${seconds}`);
  await page.evaluate("document.querySelector('video').pause()");
  await seek(before - 1);
  await until('none is shown', async () => (await shown()).length === 0);
  await seek(before + 0.2);
  await until('the first is shown', async () => (await shown()).join() === 'before');
  await seek(behind + 0.2);
  await until('both are shown', async () => (await shown()).join() === 'before,behind');
  t.equal(
    await page.getByRole('button', { name: 'Sign in to chat' }).count(),
    0,
    'nothing is said beside a recording',
  );
});
