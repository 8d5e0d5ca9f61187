import { fork } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import datachannel from 'node-datachannel';
import t from 'tap';

// What the SFU depends on in node-datachannel and no documentation promises: a new version must pass this. The facts
// are found out in a process of their own, as some of them end it.

type Facts = Record<string, unknown>;

async function facts(
  scenario: string,
): Promise<{ facts: Facts; code: number | null; signal: string | null }> {
  const file = path.join(
    import.meta.dirname,
    '../support',
    `transport-facts${path.extname(import.meta.filename)}`,
  );
  const child = fork(file, [scenario], { stdio: ['ignore', 'ignore', 'ignore', 'ipc'] });
  t.teardown(() => void child.kill('SIGKILL'));
  let found: Facts = {};
  child.on('message', (message: Facts) => {
    found = message;
  });
  const [code, signal] = await once(child, 'exit');
  return { facts: found, code, signal };
}

t.test(
  'with one media line every RTP and RTCP packet passes, whatever its SSRC and payload type',
  async (t) => {
    const { facts: found } = await facts('one line');
    t.same(found, {
      received: ['rtp 96 1', 'rtp 96 2', 'rtp 111 9', 'rtcp 200', 'rtcp 205'],
      returned: ['rtp 100 4', 'rtcp 206'],
      extension: 'bede000110aa0000',
    });
  },
);

t.test('with several media lines what is not declared is lost: the reason for having one', async (t) => {
  const { facts: found } = await facts('two lines');
  t.same(found, { received: ['rtp 96 1'] });
});

t.test('directions are enforced: the reason for `sendrecv`', async (t) => {
  const { facts: found } = await facts('one direction');
  t.match(found, { sentRtp: false, sentRtcp: true });
});

t.test('sending copies: the same memory may be patched for the next one', async (t) => {
  const { facts: found } = await facts('patched');
  t.same(found, { received: ['rtp 96 1', 'rtp 96 2', 'rtp 96 3'] });
});

t.test('the same packet can be sent again, for a receiver that has lost it', async (t) => {
  const { facts: found } = await facts('again');
  t.same(found, { sent: [true, true, true] });
});

t.test('an exception in a callback ends the process: the reason for guarding each', async (t) => {
  const { code, signal } = await facts('throwing');
  t.ok(signal === 'SIGABRT' || (code !== 0 && code !== null), `${code} ${signal}`);
});

t.test('the version is the one that was examined', async (t) => {
  t.match(datachannel.getLibraryVersion(), /^0\.24\./);
});
