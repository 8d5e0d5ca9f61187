import type { Socket } from 'node:net';
import { measureUtilization, messageOf, startWatchdog, systemClock } from '../../../platform/index.js';
import { DeliveryServer } from './delivery-server.js';
import type { DeliveryCommand, DeliveryReport } from './messages.js';

// Delivery process: forked by HlsDelivery, controlled by its messages, ends when the gateway does.

const LOAD_INTERVAL_MS = 1_000;

let server: DeliveryServer | undefined;
const readUtilization = measureUtilization();

function report(message: DeliveryReport): void {
  if (process.connected) process.send?.(message, undefined, undefined, () => {});
}

process.on('message', (command: DeliveryCommand, socket: Socket | undefined) => {
  switch (command.type) {
    case 'start':
      server = new DeliveryServer({ settings: command.settings, clock: systemClock, report });
      server.start();
      systemClock.every(LOAD_INTERVAL_MS, () => report({ type: 'load', utilization: readUtilization() }));
      report({ type: 'ready' });
      startWatchdog();
      break;
    case 'connection':
      // Without a socket when the client has closed it meanwhile.
      if (socket) server?.take(socket, command.id, Buffer.from(command.head));
      else server?.connectionClosed(command.id);
      break;
    case 'unknown-viewers':
      server?.forgetViewers(command.tokens);
      break;
    case 'stop':
      if (server) void server.close().finally(() => process.exit(0));
      else process.exit(0);
  }
});
// An exception in one request's handling must not close all connections: it is logged, and the process continues.
process.on('uncaughtException', (error) =>
  report({ type: 'failure', message: error.stack ?? messageOf(error) }),
);
// The gateway was killed: an orderly stop sends `stop` first.
process.on('disconnect', () => process.exit(0));
// Ctrl-C and a service manager signal the whole process group: the gateway stops its processes in order.
process.on('SIGINT', () => {});
process.on('SIGTERM', () => {});
