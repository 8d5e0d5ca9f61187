import dgram from 'node:dgram';

/** @throws Error when a UDP port can't be bound: the transport itself would not say why. */
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
