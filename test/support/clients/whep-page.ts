import type { Page } from 'playwright-core';

/** Runs in the page; as text, because browser types are not declared here. */
const WATCH = `async (url, codec) => {
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
  const transceiver = pc.addTransceiver('video', { direction: 'recvonly' });
  if (codec) {
    const all = RTCRtpReceiver.getCapabilities('video').codecs;
    transceiver.setCodecPreferences(all.filter(({ mimeType }) => mimeType === codec || mimeType === 'video/rtx'));
  }
  await pc.setLocalDescription();
  const answer = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/sdp' }, body: pc.localDescription.sdp });
  if (answer.status !== 201) throw new Error(await answer.text());
  await pc.setRemoteDescription({ type: 'answer', sdp: await answer.text() });
}`;

/** Watches a livestream by WHEP in a page of the gateway. @param codec the only one that is offered, as `video/H264` */
export async function watchFromPage(
  page: Page,
  gateway: { http: string },
  streamId: string,
  codec?: string,
): Promise<void> {
  await page.goto(gateway.http);
  const url = `${gateway.http}/whep/${streamId}`;
  await page.evaluate(`(${WATCH})(${JSON.stringify(url)}, ${JSON.stringify(codec)})`);
}

/** Codec of the received video, as `video/H264`. */
export async function receivedCodec(page: Page): Promise<string | undefined> {
  return await page.evaluate<string | undefined>(`(async () => {
    const report = [...(await window.whep.pc.getStats()).values()];
    const { codecId } = report.find(({ type, kind }) => type === 'inbound-rtp' && kind === 'video') ?? {};
    return report.find(({ id }) => id === codecId)?.mimeType;
  })()`);
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
