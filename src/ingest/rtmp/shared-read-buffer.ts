import type { Socket } from 'node:net';

/** Maximum bytes of one read. */
const SIZE = 64 << 10;
const buffer = Buffer.allocUnsafeSlow(SIZE);

/** Internals in which `net.Socket` keeps its `onread` option. */
type ReadingSocket = Record<symbol, unknown> & { _handle?: { useUserBuffer?(buffer: Buffer): void } };

/**
 * Reads a socket into one buffer shared by all sockets, which saves an allocation of 64 KiB and the stream machinery: a
 * read costs a quarter. Node has the option `onread` for outgoing sockets only; this sets its internal fields on an
 * accepted one. Changes nothing when this version of Node keeps them elsewhere.
 *
 * @param onRead receives bytes that are valid until it returns
 * @returns whether it succeeded; otherwise listen for `data`
 */
export function readIntoSharedBuffer(socket: Socket, onRead: (bytes: Buffer) => void): boolean {
  const internals = socket as unknown as ReadingSocket;
  const symbols = Object.getOwnPropertySymbols(socket);
  const bufferSlot = symbols.find((symbol) => symbol.description === 'kBuffer');
  const callbackSlot = symbols.find((symbol) => symbol.description === 'kBufferCb');
  const handle = internals._handle;
  if (!bufferSlot || !callbackSlot || typeof handle?.useUserBuffer !== 'function') return false;
  internals[bufferSlot] = buffer;
  internals[callbackSlot] = (size: number, bytes: Buffer) => {
    onRead(bytes.subarray(0, size));
    return true;
  };
  handle.useUserBuffer(buffer);
  socket.resume();
  return true;
}
