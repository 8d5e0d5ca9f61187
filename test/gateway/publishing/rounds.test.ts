import { readdirSync, readFileSync } from 'node:fs';
import t from 'tap';
import { type GatewayProcess, startGatewayProcess } from '../../support/gateway/gateway-process.js';
import { type Encoder, publish, testMedia } from '../../support/media/encoder.js';
import { until } from '../../support/until.js';

const ROUNDS = 20;

/** Counts the gateway's open file descriptors; Linux only. */
function descriptors(gateway: GatewayProcess): number {
  return readdirSync(`/proc/${gateway.pid}/fd`).length;
}

function residentBytes(gateway: GatewayProcess): number {
  const status = readFileSync(`/proc/${gateway.pid}/status`, 'utf8');
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1] ?? 0) * 1024;
}

async function mediaPlaylists(hls: string): Promise<string[]> {
  const text = await (await fetch(hls)).text();
  return text.split('\n').filter((line) => line.endsWith('.m3u8'));
}

t.test('two concurrent broadcasts do not affect each other', async (t) => {
  const gateway = await startGatewayProcess(t);
  const source = await testMedia(60);
  const [one, two] = await Promise.all([gateway.createLivestream('One'), gateway.createLivestream('Two')]);
  const first: Encoder = publish(t, source, one.rtmp);
  publish(t, source, two.rtmp);
  for (const livestream of [one, two]) await gateway.untilLive(livestream);
  // The list is read from the database, which is written asynchronously.
  const active = await until('both are listed', async () => {
    const { streams } = await gateway.api<{ streams: { id: string }[] }>('GET', '/active');
    return streams.length >= 2 && streams.map(({ id }) => id).toSorted();
  });
  t.strictSame(active, [one.streamId, two.streamId].toSorted());
  const playlists = await Promise.all([mediaPlaylists(one.hls), mediaPlaylists(two.hls)]);
  t.equal(new Set(playlists.flat()).size, playlists.flat().length, 'no URL is shared');

  await gateway.api('POST', `/${one.streamId}/end`);
  await first.ended;
  t.equal(await gateway.state(one.streamId), 'offline');
  t.equal(await gateway.state(two.streamId), 'live');
  const before = await (await fetch(new URL(playlists[1]?.[0] ?? '', two.hls))).text();
  await until('the second continues', async () => {
    const now = await (await fetch(new URL(playlists[1]?.[0] ?? '', two.hls))).text();
    return now !== before && !now.includes('EXT-X-ENDLIST');
  });
  t.equal((await gateway.encoderPids()).length, 1);
});

const linuxOnly = process.platform === 'linux' ? false : 'descriptors are counted in /proc';

t.test(
  'twenty rounds of create, publish and end leave no process, file or descriptor',
  { skip: linuxOnly },
  async (t) => {
    const gateway = await startGatewayProcess(t, { LADDER: 'off' });
    const source = await testMedia(60);
    const round = async (title: string): Promise<void> => {
      const livestream = await gateway.createLivestream(title);
      const encoder = publish(t, source, livestream.rtmp);
      await gateway.untilLive(livestream);
      await gateway.api('POST', `/${livestream.streamId}/end`);
      await encoder.ended;
    };
    const descriptorsAfter: number[] = [];
    const memoryAfter: number[] = [];
    for (let pair = 0; pair < ROUNDS / 2; pair++) {
      await Promise.all([round(`Round ${pair}`), round(`Round ${pair}, the other`)]);
      await until('the encoders have exited', async () => (await gateway.encoderPids()).length === 0);
      descriptorsAfter.push(descriptors(gateway));
      memoryAfter.push(residentBytes(gateway));
    }
    const { streams } = await gateway.api<{ streams: unknown[] }>('GET', '/active');
    t.strictSame(streams, [], 'no row is live');
    const [early = 0, late = 0] = [descriptorsAfter[2], descriptorsAfter.at(-1)];
    t.ok(late <= early + 4, `constant number of descriptors: ${descriptorsAfter.join(' ')}`);
    const megabytes = memoryAfter.map((bytes) => Math.round(bytes / 1e6));
    const grown = (megabytes.at(-1) ?? 0) - (megabytes[4] ?? 0);
    t.ok(grown < 40, `constant memory, MB: ${megabytes.join(' ')}`);
  },
);
