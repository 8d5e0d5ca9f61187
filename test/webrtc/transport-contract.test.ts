import { fork } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import datachannel from 'node-datachannel';
import t from 'tap';

// Verifies undocumented behaviour of node-datachannel that the SFU depends on; run it for each new version. Scenarios
// run in processes of their own, as some abort.

type Result = Record<string, unknown>;

async function runScenario(
  scenario: string,
): Promise<{ result: Result; code: number | null; signal: string | null }> {
  const file = path.join(
    import.meta.dirname,
    '../support/gateway',
    `transport-facts${path.extname(import.meta.filename)}`,
  );
  const child = fork(file, [scenario], { stdio: ['ignore', 'ignore', 'ignore', 'ipc'] });
  t.teardown(() => void child.kill('SIGKILL'));
  let result: Result = {};
  child.on('message', (message: Result) => {
    result = message;
  });
  const [code, signal] = await once(child, 'exit');
  return { result, code, signal };
}

t.test('a single media line passes all RTP and RTCP packets of any SSRC and payload type', async (t) => {
  const { result } = await runScenario('one line');
  t.same(result, {
    received: ['rtp 96 1', 'rtp 96 2', 'rtp 111 9', 'rtcp 200', 'rtcp 205'],
    returned: ['rtp 100 4', 'rtcp 206'],
    extension: 'bede000110aa0000',
  });
});

t.test('several media lines drop packets of undeclared SSRCs', async (t) => {
  const { result } = await runScenario('two lines');
  t.same(result, { received: ['rtp 96 1'] });
});

t.test('a recvonly track cannot send RTP', async (t) => {
  const { result } = await runScenario('one direction');
  t.match(result, { sentRtp: false, sentRtcp: true });
});

t.test('sending copies, so that memory may be patched for the next packet', async (t) => {
  const { result } = await runScenario('patched');
  t.same(result, { received: ['rtp 96 1', 'rtp 96 2', 'rtp 96 3'] });
});

t.test('the same packet can be sent twice', async (t) => {
  const { result } = await runScenario('again');
  t.same(result, { sent: [true, true, true] });
});

t.test('an exception in a callback aborts the process', async (t) => {
  const { code, signal } = await runScenario('throwing');
  t.ok(signal === 'SIGABRT' || (code !== 0 && code !== null), `${code} ${signal}`);
});

t.test('the library version is the verified one', async (t) => {
  t.match(datachannel.getLibraryVersion(), /^0\.24\./);
});
