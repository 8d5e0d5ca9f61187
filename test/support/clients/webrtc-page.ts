import type { FastifyInstance } from 'fastify';
import type { Browser, Page } from 'playwright-core';

/** Runs in the page; as text, because browser types are not declared here. */
const SCRIPT = `(() => {
  const post = (path, type, body, headers = {}) =>
    fetch(path, { method: 'POST', headers: { 'content-type': type, ...headers }, body });
  const played = (pc) => {
    const video = document.createElement('video');
    video.muted = true;
    pc.ontrack = ({ streams }) => {
      video.srcObject = streams[0];
      void video.play();
    };
    return video;
  };
  const frames = (video, wanted) => new Promise((resolve) => {
    let shown = 0;
    const onFrame = () => (++shown >= wanted ? resolve() : video.requestVideoFrameCallback(onFrame));
    video.requestVideoFrameCallback(onFrame);
  });
  window.test = {
    events: [],

    async publish(codec, rids, width) {
      const canvas = Object.assign(document.createElement('canvas'), { width, height: width * 9 / 16 });
      const pen = canvas.getContext('2d');
      let frame = 0;
      setInterval(() => {
        pen.fillStyle = 'hsl(' + (frame++ * 7 % 360) + ' 90% 50%)';
        pen.fillRect(frame * 11 % 600, frame * 5 % 300, 200, 200);
      }, 33);
      const audio = new AudioContext();
      const tone = audio.createOscillator();
      const out = audio.createMediaStreamDestination();
      tone.connect(out);
      tone.start();
      const stream = new MediaStream([...canvas.captureStream(30).getTracks(), ...out.stream.getTracks()]);
      const pc = this.publisher = new RTCPeerConnection({ bundlePolicy: 'max-bundle' });
      const common = { direction: 'sendonly', streams: [stream] };
      pc.addTransceiver(stream.getAudioTracks()[0], common);
      const below = (index) => rids.length - 1 - index;
      const sendEncodings = rids.map((rid, index) => ({ rid, scaleResolutionDownBy: 2 ** below(index), maxBitrate: 600000 / 3 ** below(index) }));
      const video = pc.addTransceiver(stream.getVideoTracks()[0], { ...common, sendEncodings });
      const { codecs } = RTCRtpSender.getCapabilities('video');
      video.setCodecPreferences(codecs.filter(({ mimeType }) => mimeType === codec || mimeType === 'video/rtx'));
      await pc.setLocalDescription();
      const answer = await post('/whip', 'application/sdp', pc.localDescription.sdp, { authorization: 'Bearer key' });
      if (answer.status !== 201) throw new Error(await answer.text());
      await pc.setRemoteDescription({ type: 'answer', sdp: await answer.text() });
      return answer.headers.get('location');
    },

    async watch(streamId, wanted) {
      const pc = this.viewer = new RTCPeerConnection({ bundlePolicy: 'max-bundle' });
      const video = this.video = played(pc);
      pc.addTransceiver('audio', { direction: 'recvonly' });
      pc.addTransceiver('video', { direction: 'recvonly' });
      await pc.setLocalDescription();
      const answer = await post('/whep/' + streamId, 'application/sdp', pc.localDescription.sdp);
      if (answer.status !== 201) throw new Error(await answer.text());
      const path = answer.headers.get('location');
      const made = await post(path + '/events', 'application/json', JSON.stringify(['active', 'inactive', 'layers']));
      const source = new EventSource(made.headers.get('location'));
      for (const name of ['active', 'inactive', 'layers', 'reconnect', 'end'])
        source.addEventListener(name, ({ data }) => {
          this.events.push([name, JSON.parse(data)]);
          if (name === 'end') source.close();
        });
      await pc.setRemoteDescription({ type: 'answer', sdp: await answer.text() });
      await frames(video, wanted);
      const codecs = [];
      let audioPackets = 0;
      const stats = await pc.getStats();
      for (const report of stats.values()) {
        if (report.type !== 'inbound-rtp') continue;
        codecs.push(stats.get(report.codecId).mimeType);
        if (report.kind === 'audio') audioPackets = report.packetsReceived;
      }
      return { path, codecs: codecs.sort(), audioPackets, tracks: video.srcObject.getTracks().length };
    },

    async join(streamId, wanted) {
      const socket = new WebSocket(location.origin.replace('http', 'ws') + '/ws');
      const pc = new RTCPeerConnection({ bundlePolicy: 'max-bundle' });
      const video = played(pc);
      const errors = [];
      const send = (event, data) => socket.send(JSON.stringify({ event, data }));
      socket.onopen = () => send('stream:join', { streamId, userId: 'bob' });
      pc.onicecandidate = ({ candidate }) => candidate && send('stream:ice-candidate', { streamId, candidate });
      socket.onmessage = async (message) => {
        for (const { event, data } of [JSON.parse(message.data)].flat()) {
          if (event === 'error') errors.push(data);
          if (event !== 'stream:offer') continue;
          await pc.setRemoteDescription(data.offer);
          await pc.setLocalDescription();
          send('stream:answer', { streamId, answer: pc.localDescription });
        }
      };
      await frames(video, wanted);
      return { height: video.videoHeight, errors };
    },

    async request(method, path, body) {
      const headers = body ? { 'content-type': 'application/json' } : {};
      return (await fetch(path, { method, headers, ...(body && { body: JSON.stringify(body) }) })).status;
    },
  };
})();`;

/** Playback report of a viewer in the page. */
export type PlaybackReport = { path: string; codecs: string[]; audioPackets: number; tracks: number };

/** Page of the server under test that publishes and watches by WebRTC. */
export class WebrtcPage {
  readonly #page: Page;

  private constructor(page: Page) {
    this.#page = page;
  }

  /** Must be called before the server listens. */
  static serve(app: FastifyInstance): void {
    app.get('/webrtc-page', async (_request, reply) =>
      reply
        .header('content-security-policy', "default-src * 'unsafe-inline' 'unsafe-eval' blob:")
        .type('text/html')
        .send(`<!doctype html><script>${SCRIPT}</script>`),
    );
  }

  static async open(browser: Browser, base: string): Promise<WebrtcPage> {
    const page = await browser.newPage();
    await page.goto(`${base}/webrtc-page`);
    return new WebrtcPage(page);
  }

  /** Routes the page's later connections through a network. */
  async routeThrough(network: { routePage(page: Page): Promise<void> }): Promise<void> {
    await network.routePage(this.#page);
  }

  /**
   * Publishes moving video of 16:9 and a tone by WHIP. The best layer has 600 kbit/s, each below it a third of the one
   * above. Chromium makes two layers of 640x360, and three from 960x540 on.
   *
   * @returns the session's path
   */
  async publish(codec: string, rids: string[] = [], width = 640): Promise<string> {
    return await this.#call('publish', codec, rids, width);
  }

  /** Watches by WHEP until `frames` frames were shown. */
  async watch(streamId: string, frames: number): Promise<PlaybackReport> {
    return await this.#call('watch', streamId, frames);
  }

  /** Watches by socket signalling until `frames` frames were shown. */
  async join(streamId: string, frames: number): Promise<{ height: number; errors: unknown[] }> {
    return await this.#call('join', streamId, frames);
  }

  /** @returns the status of the answer */
  async request(method: string, path: string, body?: object): Promise<number> {
    return await this.#call('request', method, path, body);
  }

  /** The viewer's events so far, by name and data. */
  async events(): Promise<[string, unknown][]> {
    return await this.#page.evaluate('test.events');
  }

  /** Waits until a JavaScript expression holds in the page; `test` has `events` and `video`. */
  async until(expression: string, timeout = 20_000): Promise<void> {
    await this.#page.waitForFunction(expression, undefined, { timeout });
  }

  async #call<T>(name: string, ...parameters: unknown[]): Promise<T> {
    const list = parameters.map((parameter) => JSON.stringify(parameter) ?? 'undefined').join(', ');
    return await this.#page.evaluate<T>(`test.${name}(${list})`);
  }
}
