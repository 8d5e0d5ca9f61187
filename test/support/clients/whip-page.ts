import type { Page } from 'playwright-core';
import { BARCODE } from '../../../scripts/bench/barcode.js';

export type WhipPageOptions = {
  /** As `RTCRtpCodec.mimeType` has it; the browser's own choice by default. */
  codec?: 'video/H264' | 'video/VP8' | 'video/VP9' | 'video/AV1';
  /** Three layers: l, m and h. */
  simulcast?: boolean;
  width?: number;
  height?: number;
  /** Bits per second. */
  bitrate?: number;
};

/**
 * Runs in the page; as text, because browser types are not declared here. Draws a canvas that turns white for the
 * first tenth of every second, a tone at the same moment, and the time as a barcode (`scripts/bench/barcode.ts`) along
 * the top.
 */
const PUBLISH = `async ({ url, key, codec, simulcast, width, height, bitrate }) => {
  const canvas = Object.assign(document.createElement('canvas'), { width, height });
  const paint = canvas.getContext('2d');
  const audio = new AudioContext();
  await audio.resume();
  const output = audio.createMediaStreamDestination();
  const tone = audio.createOscillator();
  const gain = audio.createGain();
  tone.frequency.value = 1000;
  gain.gain.value = 0;
  tone.connect(gain).connect(output);
  tone.start();
  let last = -1, flashUntil = 0, count = 0;
  setInterval(() => {
    const now = performance.now();
    const second = Math.floor(now / 1000);
    if (second !== last) {
      last = second;
      flashUntil = now + 100;
      gain.gain.setValueAtTime(0.8, audio.currentTime);
      gain.gain.setValueAtTime(0, audio.currentTime + 0.1);
    }
    paint.fillStyle = now < flashUntil ? '#fff' : '#000';
    paint.fillRect(0, 0, width, height);
    paint.fillStyle = 'hsl(' + (count * 7) % 360 + ' 80% 50%)';
    paint.fillRect((count++ * 5) % width, height * 0.8, width / 8, height / 8);
    const { cell, timeBits, sumBits } = ${JSON.stringify(BARCODE)};
    const size = cell * width / ${BARCODE.width};
    const time = Math.round(performance.timeOrigin + performance.now());
    let sum = 0;
    const draw = (index, white) => {
      paint.fillStyle = white ? '#fff' : '#000';
      paint.fillRect(index * size, 0, size, size);
    };
    for (let bit = 0; bit < timeBits; bit++) {
      const white = Math.floor(time / 2 ** bit) % 2;
      draw(bit, white);
      sum += white * (bit + 1);
    }
    for (let bit = 0; bit < sumBits; bit++) draw(timeBits + bit, (sum >> bit) & 1);
  }, 33);
  const pc = new RTCPeerConnection({ bundlePolicy: 'max-bundle' });
  pc.addTransceiver(output.stream.getAudioTracks()[0], { direction: 'sendonly' });
  const encodings = simulcast
    ? [{ rid: 'l', scaleResolutionDownBy: 4, maxBitrate: 150000 }, { rid: 'm', scaleResolutionDownBy: 2, maxBitrate: 400000 }, { rid: 'h', maxBitrate: 1200000 }]
    : [{ maxBitrate: bitrate }];
  const video = pc.addTransceiver(canvas.captureStream(30).getVideoTracks()[0], { direction: 'sendonly', sendEncodings: encodings });
  if (codec) {
    const all = RTCRtpSender.getCapabilities('video').codecs;
    video.setCodecPreferences([...all.filter((c) => c.mimeType === codec), ...all.filter((c) => c.mimeType === 'video/rtx')]);
  }
  await pc.setLocalDescription();
  const response = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/sdp', authorization: 'Bearer ' + key }, body: pc.localDescription.sdp });
  if (response.status !== 201) throw new Error(response.status + ' ' + (await response.text()));
  window.whip = { pc, location: new URL(response.headers.get('location'), url).href };
  await pc.setRemoteDescription({ type: 'answer', sdp: await response.text() });
  await new Promise((resolve, reject) => {
    const look = () => {
      if (pc.connectionState === 'connected') resolve();
      if (pc.connectionState === 'failed') reject(new Error('not connected'));
    };
    pc.onconnectionstatechange = look;
    look();
  });
}`;

/** Publishes from a browser tab by WHIP; resolves when connected. */
export async function publishFromPage(
  page: Page,
  gateway: { http: string },
  streamKey: string,
  options: WhipPageOptions = {},
): Promise<void> {
  await page.goto(gateway.http);
  const settings = { width: 640, height: 360, bitrate: 1_200_000, simulcast: false, ...options };
  const request = JSON.stringify({ url: `${gateway.http}/whip`, key: streamKey, ...settings });
  await page.evaluate(`(${PUBLISH})(${request})`);
}

/** Ends the publication by DELETE. @returns its status. */
export async function stopPublishing(page: Page): Promise<number> {
  return await page.evaluate<number>(
    `(async () => { const { pc, location } = window.whip; const { status } = await fetch(location, { method: 'DELETE' }); pc.close(); return status; })()`,
  );
}

/** Mutes or unmutes one kind of media in the browser. */
export async function setSending(page: Page, kind: 'audio' | 'video', active: boolean): Promise<void> {
  await page.evaluate(`(async () => {
    const sender = window.whip.pc.getSenders().find(({ track }) => track.kind === '${kind}');
    const parameters = sender.getParameters();
    for (const encoding of parameters.encodings) encoding.active = ${active};
    await sender.setParameters(parameters);
  })()`);
}
