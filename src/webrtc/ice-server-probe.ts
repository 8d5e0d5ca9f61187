import { randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { lookup } from 'node:dns/promises';
import { connect } from 'node:net';
import type { Clock } from '../platform/index.js';

export type IceServerAddress = { host: string; port: number; transport: 'udp' | 'tcp' };

/** Answers later than this are ignored, ms. */
const PROBE_TIMEOUT_MS = 3_000;
/** Times at which the request is sent, ms after the first: UDP may lose it (RFC 8489 section 6.2.1). */
const RETRANSMIT_MS = [0, 500, 1_500] as const;
/** RFC 8489 section 5. */
const BINDING_REQUEST = 0x0001;
const MAGIC_COOKIE = 0x2112_a442;
const HEADER_BYTES = 20;
/** Class bits set in success and error responses (RFC 8489 section 5). */
const RESPONSE_CLASS = 0x0100;

/**
 * Probes a STUN or TURN server: over UDP with a binding request, over TCP by connecting.
 *
 * @returns the problem as the rest of a sentence that begins with the server's name; undefined when it answers.
 */
export async function probeIceServer(server: IceServerAddress, clock: Clock): Promise<string | undefined> {
  const { host, port, transport } = server;
  const name = `${host}:${port}`;
  const deadline = new AbortController();
  try {
    const timedOut = new Promise<string>((resolve) => {
      clock.after(
        PROBE_TIMEOUT_MS,
        () => resolve(`${name} did not answer within ${PROBE_TIMEOUT_MS / 1_000} s`),
        deadline.signal,
      );
    });
    const resolved = lookup(host).catch(() => undefined);
    const answered = resolved.then(async (address) => {
      if (!address) return `${name} cannot be resolved`;
      if (deadline.signal.aborted) return undefined;
      const ask = transport === 'udp' ? probeByUdp : askByTcp;
      return (await ask(address, port, clock, deadline.signal))
        ? undefined
        : `${name} refused the connection`;
    });
    return await Promise.race([answered, timedOut]);
  } finally {
    deadline.abort();
  }
}

type Address = { address: string; family: number };

/** Sends binding requests. @returns true at the first response to one of them; false when the port is closed. */
function probeByUdp(to: Address, port: number, clock: Clock, signal: AbortSignal): Promise<boolean> {
  return new Promise((resolve) => {
    const request = bindingRequest();
    const socket = createSocket(to.family === 6 ? 'udp6' : 'udp4');
    signal.addEventListener('abort', () => socket.close(), { once: true });
    socket.on('error', () => resolve(false));
    socket.on('message', (bytes) => {
      if (answers(bytes, request)) resolve(true);
    });
    // Connected sockets report a closed port (ICMP) and drop datagrams of other senders.
    socket.on('connect', () => {
      for (const ms of RETRANSMIT_MS) clock.after(ms, () => socket.send(request, () => {}), signal);
    });
    socket.connect(port, to.address);
  });
}

function askByTcp(to: Address, port: number, _clock: Clock, signal: AbortSignal): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, to.address);
    signal.addEventListener('abort', () => socket.destroy(), { once: true });
    socket.on('error', () => resolve(false));
    socket.on('connect', () => resolve(true));
  });
}

/** Writes a binding request (RFC 8489 section 5): type, attribute length 0, magic cookie, transaction id. */
function bindingRequest(): Buffer {
  const request = Buffer.alloc(HEADER_BYTES);
  request.writeUInt16BE(BINDING_REQUEST, 0);
  request.writeUInt32BE(MAGIC_COOKIE, 4);
  randomBytes(12).copy(request, 8);
  return request;
}

function answers(bytes: Buffer, request: Buffer): boolean {
  if (bytes.length < HEADER_BYTES || bytes.compare(request, 4, HEADER_BYTES, 4, HEADER_BYTES) !== 0)
    return false;
  return (bytes.readUInt16BE(0) & RESPONSE_CLASS) !== 0;
}
