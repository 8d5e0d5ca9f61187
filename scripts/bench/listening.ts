import { connect } from 'node:net';

const READY_MS = 10_000;

/** Waits until a server on this machine accepts connections. @throws if it does not within ten seconds */
export async function untilListening(port: number, name: string): Promise<void> {
  for (const late = performance.now() + READY_MS; !(await isOpen(port)); ) {
    if (performance.now() > late) throw new Error(`${name} does not listen`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

function isOpen(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  return new Promise((resolve) => {
    socket.once('error', () => resolve(false));
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
  });
}
