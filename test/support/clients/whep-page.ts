import type { Page } from 'playwright-core';

/** Runs in the page; as text, because browser types are not declared here. */
const WATCH = `async (url) => {
  const pc = new RTCPeerConnection({ bundlePolicy: 'max-bundle' });
  const video = Object.assign(document.createElement('video'), { muted: true });
  const stream = new MediaStream();
  video.srcObject = stream;
  document.body.append(video);
  pc.ontrack = ({ track }) => {
    stream.addTrack(track);
    void video.play().catch(() => {});
  };
  window.whep = { pc, video, shown: 0 };
  const onFrame = () => {
    window.whep.shown++;
    video.requestVideoFrameCallback(onFrame);
  };
  video.requestVideoFrameCallback(onFrame);
  pc.addTransceiver('audio', { direction: 'recvonly' });
  pc.addTransceiver('video', { direction: 'recvonly' });
  await pc.setLocalDescription();
  const answer = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/sdp' }, body: pc.localDescription.sdp });
  if (answer.status !== 201) throw new Error(await answer.text());
  await pc.setRemoteDescription({ type: 'answer', sdp: await answer.text() });
}`;

/** Watches a livestream by WHEP in a page of the gateway. */
export async function watchFromPage(page: Page, gateway: { http: string }, streamId: string): Promise<void> {
  await page.goto(gateway.http);
  await page.evaluate(`(${WATCH})(${JSON.stringify(`${gateway.http}/whep/${streamId}`)})`);
}

/** Number of pictures shown so far. */
export async function shownPictures(page: Page): Promise<number> {
  return await page.evaluate<number>('window.whep.shown');
}

/** Highest amplitude of the sound that was heard in the last 0.7 s, 0 to 1. */
export async function heardLevel(page: Page): Promise<number> {
  return await page.evaluate<number>(`(async () => {
    const { whep } = window;
    if (!whep.analyser) {
      const context = new AudioContext();
      await context.resume();
      whep.analyser = new AnalyserNode(context, { fftSize: 32768 });
      context.createMediaStreamSource(whep.video.srcObject).connect(whep.analyser);
    }
    const samples = new Float32Array(whep.analyser.fftSize);
    whep.analyser.getFloatTimeDomainData(samples);
    return samples.reduce((most, sample) => Math.max(most, Math.abs(sample)), 0);
  })()`);
}
