import { randomInt } from 'node:crypto';
import { createSocket } from 'node:dgram';

/**
 * Ports that no system gives out by itself (Linux does so from 32768 on, others from 49152): what is free now is still
 * free when the process that is told of it has started.
 */
const PORTS = { first: 20_000, end: 32_000 };

/** The first of so many UDP ports in a row that are free on loopback. */
export async function freeUdpPorts(count = 1): Promise<number> {
  for (;;) {
    const first = randomInt(PORTS.first, PORTS.end - count);
    const ports = Array.from({ length: count }, (_, index) => first + index);
    const free = await Promise.all(ports.map(isFree));
    if (!free.includes(false)) return first;
  }
}

function isFree(port: number): Promise<boolean> {
  const socket = createSocket('udp4');
  return new Promise((resolve) => {
    socket.once('error', () => socket.close(() => resolve(false)));
    socket.bind({ port, address: '127.0.0.1', exclusive: true }, () => socket.close(() => resolve(true)));
  });
}
