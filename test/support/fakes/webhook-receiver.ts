import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Test } from 'tap';

export type ReceivedHook = { path: string; headers: IncomingHttpHeaders; body: string };

export type WebhookReceiver = {
  /** `http://127.0.0.1:PORT/hook` */
  url: string;
  received: ReceivedHook[];
  /** Requests that have arrived and are not answered yet, and the most there ever were. */
  open: number;
  mostOpen: number;
  /** How the next requests are answered; 204 at first. */
  answer: (request: ReceivedHook, response: ServerResponse) => void;
};

/** A server that webhooks lead to; gone when the test is over. */
export async function webhookReceiver(t: Test): Promise<WebhookReceiver> {
  const server = createServer((request, response) => {
    receiver.open++;
    receiver.mostOpen = Math.max(receiver.mostOpen, receiver.open);
    response.on('close', () => receiver.open--);
    void read(request).then((hook) => {
      receiver.received.push(hook);
      receiver.answer(hook, response);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  const receiver: WebhookReceiver = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`,
    received: [],
    open: 0,
    mostOpen: 0,
    answer: (_request, response) => void response.writeHead(204).end(),
  };
  return receiver;
}

async function read(request: IncomingMessage): Promise<ReceivedHook> {
  let body = '';
  for await (const chunk of request.setEncoding('utf8')) body += chunk;
  return { path: request.url ?? '', headers: request.headers, body };
}
