import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Test } from 'tap';

export type ReceivedHook = { path: string; headers: IncomingHttpHeaders; body: string };

export type WebhookReceiver = {
  /** `http://127.0.0.1:PORT/hook` */
  url: string;
  received: ReceivedHook[];
  /** Open requests, and the largest number of them. */
  open: number;
  mostOpen: number;
  /** Answers the next requests; 204 by default. */
  answer: (request: ReceivedHook, response: ServerResponse) => void;
};

/** Starts a server that receives webhooks; closed with the test. */
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
