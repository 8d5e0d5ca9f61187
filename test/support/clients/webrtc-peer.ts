import type { FastifyPluginAsync, FastifyReply } from 'fastify';
import type { Browser, Page } from 'playwright-core';

/** Runs in the peer's page; as text, because browser types are not declared here. */
const PEER = `(() => {
  const canvas = document.createElement('canvas');
  canvas.width = 320;
  canvas.height = 180;
  const pen = canvas.getContext('2d');
  let frame = 0;
  setInterval(() => {
    frame += 1;
    pen.fillStyle = 'hsl(' + (frame * 7 % 360) + ', 60%, 50%)';
    pen.fillRect(0, 0, 320, 180);
    pen.fillStyle = '#000';
    pen.fillRect(frame * 4 % 320, 60, 40, 40);
  }, 33);
  const audio = new AudioContext();
  const tone = audio.createOscillator();
  const out = audio.createMediaStreamDestination();
  tone.connect(out);
  tone.start();
  const source = canvas.captureStream(30);
  source.addTrack(out.stream.getAudioTracks()[0]);

  const peers = new Map();
  window.peer = {
    async answer(id, offer, sends) {
      const connection = new RTCPeerConnection({ bundlePolicy: 'max-bundle' });
      peers.set(id, connection);
      if (sends) for (const track of source.getTracks()) connection.addTrack(track, source);
      await connection.setRemoteDescription({ type: 'offer', sdp: offer });
      await connection.setLocalDescription(await connection.createAnswer());
      while (connection.iceGatheringState !== 'complete') await new Promise((done) => setTimeout(done, 5));
      return connection.localDescription.sdp;
    },
    /** Stops sending without closing, or continues. */
    async pause(id, paused) {
      for (const sender of peers.get(id).getSenders()) {
        const track = paused ? null : source.getTracks().find(({ kind }) => kind === sender.kindWanted);
        if (paused && sender.track) sender.kindWanted = sender.track.kind;
        await sender.replaceTrack(track);
      }
    },
    close(id) {
      peers.get(id)?.close();
      peers.delete(id);
    },
    async sent(id) {
      let frames = 0;
      for (const entry of (await peers.get(id).getStats()).values())
        if (entry.type === 'outbound-rtp' && entry.kind === 'video') frames += entry.framesSent ?? 0;
      return frames;
    },
    async received(id) {
      const counts = { bytes: 0, frames: 0, width: 0 };
      const connection = peers.get(id);
      if (!connection) return counts;
      for (const entry of (await connection.getStats()).values()) {
        if (entry.type !== 'inbound-rtp') continue;
        counts.bytes += entry.bytesReceived;
        counts.frames += entry.framesDecoded ?? 0;
        counts.width = Math.max(counts.width, entry.frameWidth ?? 0);
      }
      return counts;
    },
  };
})()`;

export type PeerSession = {
  id: string;
  kind: 'whip' | 'whep';
  offer: string;
  authorization: string | undefined;
  /** Bodies of PATCH requests. */
  candidates: string[];
  /** Requested layers. */
  layers: unknown[];
  ended: boolean;
  closed: boolean;
};

/** Response to the next offers. */
export type PeerBehaviour =
  | { name: 'answers' }
  /** The answer names an unreachable address. */
  | { name: 'unreachable' }
  | { name: 'refuses'; status: number; message: string; code?: string; retryAfter?: number };

/**
 * WHIP and WHEP server whose media side is a page of the same browser: each offer is answered there by an
 * `RTCPeerConnection` of its own, which sends video and a tone, or receives the publication.
 */
export class WebrtcPeer {
  readonly sessions: PeerSession[] = [];
  behaviour: PeerBehaviour = { name: 'answers' };
  readonly #page: Page;
  readonly #listeners = new Map<string, FastifyReply[]>();
  #count = 0;

  private constructor(page: Page) {
    this.#page = page;
  }

  static async open(browser: Browser): Promise<WebrtcPeer> {
    const page = await browser.newPage();
    await page.goto('about:blank');
    await page.evaluate(PEER);
    return new WebrtcPeer(page);
  }

  /** Ends and removes all sessions. */
  async reset(): Promise<void> {
    for (const session of this.sessions) if (!session.closed) await this.close(session);
    this.sessions.length = 0;
    this.#listeners.clear();
    this.behaviour = { name: 'answers' };
  }

  /** Latest answered session. */
  get lastSession(): PeerSession {
    const session = this.sessions.at(-1);
    if (!session) throw new Error('no session was opened yet');
    return session;
  }

  async close(session: PeerSession): Promise<void> {
    session.closed = true;
    await this.#page.evaluate(`window.peer.close('${session.id}')`);
  }

  async pause(session: PeerSession, paused: boolean): Promise<void> {
    await this.#page.evaluate(`window.peer.pause('${session.id}', ${paused})`);
  }

  async received(session: PeerSession): Promise<{ bytes: number; frames: number; width: number }> {
    return await this.#page.evaluate(`window.peer.received('${session.id}')`);
  }

  /** Number of frames sent to a viewer. */
  async sent(session: PeerSession): Promise<number> {
    return await this.#page.evaluate(`window.peer.sent('${session.id}')`);
  }

  /** Sends an event to a session's listeners. */
  sendEvent(session: PeerSession, event: string, data: unknown = {}): void {
    for (const reply of this.#listeners.get(session.id) ?? [])
      reply.raw.write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
  }

  hasEventListener(session: PeerSession): boolean {
    return this.#listeners.has(session.id);
  }

  readonly routes: FastifyPluginAsync = async (app) => {
    app.addContentTypeParser(
      ['application/sdp', 'application/trickle-ice-sdpfrag'],
      { parseAs: 'string' },
      (_request, body, done) => done(null, body),
    );
    const open = (kind: PeerSession['kind']) => async (request: Request, reply: FastifyReply) => {
      const { behaviour } = this;
      if (behaviour.name === 'refuses') {
        if (behaviour.retryAfter !== undefined) reply.header('retry-after', behaviour.retryAfter);
        return reply
          .code(behaviour.status)
          .send({ error: { code: behaviour.code ?? 'refused', message: behaviour.message } });
      }
      const id = `${kind}-${this.#count++}`;
      const offer = String(request.body);
      const session = { id, kind, offer, authorization: request.headers.authorization };
      this.sessions.push({ ...session, candidates: [], layers: [], ended: false, closed: false });
      const answer = await this.#page.evaluate<string>(
        `window.peer.answer(${JSON.stringify(id)}, ${JSON.stringify(offer)}, ${kind === 'whep'})`,
      );
      const at = `https://public.invalid/sessions/${id}`;
      return reply
        .code(201)
        .type('application/sdp')
        .header('location', at)
        .header('etag', `"${id}"`)
        .header(
          'link',
          `<${at}/layer>; rel="urn:ietf:params:whep:ext:core:layer", ` +
            `<${at}/sse>; rel="urn:ietf:params:whep:ext:core:server-sent-events"; events="active,inactive,layers,end"`,
        )
        .send(behaviour.name === 'unreachable' ? elsewhere(answer) : answer);
    };
    type Request = { body: unknown; headers: { authorization?: string | undefined }; params: unknown };
    const find = (request: { params: unknown }): PeerSession | undefined =>
      this.sessions.find(({ id, ended }) => !ended && id === (request.params as { id: string }).id);
    app.post('/whip', open('whip'));
    app.post('/whep/:id', open('whep'));
    app.patch('/sessions/:id', async (request, reply) => {
      const session = find(request);
      if (!session) return reply.code(404).send();
      if (request.headers['if-match'] !== `"${session.id}"`) return reply.code(412).send();
      session.candidates.push(String(request.body));
      return reply.code(204).send();
    });
    app.delete('/sessions/:id', async (request, reply) => {
      const session = find(request);
      if (!session) return reply.code(404).send();
      session.ended = true;
      for (const listener of this.#listeners.get(session.id) ?? []) listener.raw.end();
      await this.close(session);
      return reply.code(200).send();
    });
    app.post('/sessions/:id/sse', async (request, reply) => {
      const session = find(request);
      if (!session) return reply.code(404).send();
      return reply.code(201).header('location', `/sessions/${session.id}/events`).send();
    });
    app.get('/sessions/:id/events', async (request, reply) => {
      const session = find(request);
      if (!session) return reply.code(404).send();
      reply.hijack();
      reply.raw.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
      reply.raw.write(': hello\n\n');
      this.#listeners.set(session.id, [...(this.#listeners.get(session.id) ?? []), reply]);
      return reply;
    });
    app.post('/sessions/:id/layer', async (request, reply) => {
      const session = find(request);
      if (!session) return reply.code(404).send();
      session.layers.push(request.body);
      return reply.code(200).send();
    });
  };
}

/** Replaces the candidates by an unreachable address of TEST-NET-1 (RFC 5737). */
function elsewhere(answer: string): string {
  return answer.replace(
    /^(a=candidate:\S+ \d+ \S+ \d+ )\S+ \d+ typ host.*$/gm,
    (_line, start: string) => `${start}192.0.2.1 9 typ host`,
  );
}
