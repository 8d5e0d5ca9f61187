import dgram from 'node:dgram';

/** Checks that a UDP port can be bound, as the transport does not report why it cannot. @throws Error of the bind */
export async function assertPortIsFree(port: number, address: string | undefined): Promise<void> {
  const socket = dgram.createSocket(address?.includes(':') ? 'udp6' : 'udp4');
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once('error', reject);
      socket.bind(port, address, resolve);
    });
  } finally {
    await new Promise<void>((resolve) => socket.close(() => resolve()));
  }
}
