import t from 'tap';
import { WebSocketClient } from '../../support/clients/websocket-client.js';
import { startGatewayProcess } from '../../support/gateway/gateway-process.js';

t.test('sockets of one address are admitted up to the configured limit', async (t) => {
  const gateway = await startGatewayProcess(t, { STUN_URLS: 'off', MAX_SOCKETS_PER_ADDRESS: '2' });
  const socket = () => new WebSocketClient(t, Number(new URL(gateway.http).port));
  const sockets = [socket(), socket()];
  for (const each of sockets) {
    each.send('nonsense', {}, 1);
    await each.next('error');
  }
  const third = socket();
  await third.untilClosed();
  t.equal(third.closeCode, 1013);
  sockets[0]?.destroy();
  await sockets[0]?.untilClosed();
  t.notOk(sockets[1]?.closed);
});
