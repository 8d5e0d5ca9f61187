import type { Page } from 'playwright-core';

/** Runs in the publisher's page; a string, because DOM types are not available here. */
const OFFER = `async (bitrate) => {
  const pc = (window.direct = new RTCPeerConnection({ bundlePolicy: 'max-bundle' }));
  const tracks = window.whip.pc.getSenders().map(({ track }) => track);
  // Of one stream: the viewer synchronizes audio and video, as it does with those of a server.
  const streams = [new MediaStream(tracks)];
  for (const track of tracks) {
    const sendEncodings = track.kind === 'video' ? [{ maxBitrate: bitrate }] : [{}];
    pc.addTransceiver(track, { direction: 'sendonly', streams, sendEncodings });
  }
  await pc.setLocalDescription();
  while (pc.iceGatheringState !== 'complete') await new Promise((resolve) => setTimeout(resolve, 10));
  return pc.localDescription.sdp;
}`;

/** Runs in the viewer's page. */
const ANSWER = `async (sdp) => {
  const video = Object.assign(document.createElement('video'), { autoplay: true, muted: true, playsInline: true });
  document.body.append(video);
  const pc = (window.direct = new RTCPeerConnection());
  pc.ontrack = ({ streams: [stream] }) => {
    video.srcObject = stream;
  };
  await pc.setRemoteDescription({ type: 'offer', sdp });
  await pc.setLocalDescription();
  while (pc.iceGatheringState !== 'complete') await new Promise((resolve) => setTimeout(resolve, 10));
  return pc.localDescription.sdp;
}`;

/**
 * Connects the tab that published (`publishFromPage`) directly to another, which shows its video.
 *
 * @param bitrate greatest video bitrate, bits/s
 */
export async function connectDirectly(camera: Page, viewer: Page, bitrate: number): Promise<void> {
  const offer = await camera.evaluate<string>(`(${OFFER})(${bitrate})`);
  const answer = await viewer.evaluate<string>(`(${ANSWER})(${JSON.stringify(offer)})`);
  const description = JSON.stringify({ type: 'answer', sdp: answer });
  await camera.evaluate(`window.direct.setRemoteDescription(${description})`);
  while (!(await viewer.evaluate<boolean>("document.querySelector('video').videoWidth > 0")))
    await new Promise((resolve) => setTimeout(resolve, 50));
}

/** Runs in the viewer's page. */
const WATCH = `async (url) => {
  const video = Object.assign(document.createElement('video'), { autoplay: true, muted: true, playsInline: true });
  document.body.append(video);
  const pc = (window.direct = new RTCPeerConnection());
  pc.addTransceiver('video', { direction: 'recvonly' });
  pc.ontrack = ({ track }) => {
    video.srcObject = new MediaStream([track]);
  };
  await pc.setLocalDescription();
  const headers = { 'content-type': 'application/sdp' };
  const answer = await fetch(url, { method: 'POST', headers, body: pc.localDescription.sdp });
  if (!answer.ok) throw new Error('WHEP: ' + answer.status + ' ' + (await answer.text()));
  await pc.setRemoteDescription({ type: 'answer', sdp: await answer.text() });
}`;

/**
 * Shows the video of a livestream by WHEP, without its audio.
 *
 * @param watch URL of the watch page, which ends with the id of the livestream
 */
export async function watchVideoAlone(viewer: Page, origin: string, watch: string): Promise<void> {
  await viewer.goto(`${origin}/healthz`);
  await viewer.evaluate(`(${WATCH})(${JSON.stringify(`/whep/${watch.split('/').at(-1)}`)})`);
  while (!(await viewer.evaluate<boolean>("document.querySelector('video').videoWidth > 0")))
    await new Promise((resolve) => setTimeout(resolve, 50));
}
