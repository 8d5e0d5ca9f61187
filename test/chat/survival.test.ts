import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { newId } from '../../src/platform/index.js';
import { LivestreamTable } from '../../src/streams/livestream-table.js';
import { testDatabase } from '../support/database.js';

const ROUNDS = 10;
const compiled = import.meta.filename.endsWith('.js');
const program = fileURLToPath(new URL(`../support/chat-writer.${compiled ? 'js' : 'ts'}`, import.meta.url));

t.test('killed under load ten times, chat loses no acknowledged message and shows none twice', async (t) => {
  const { sql, url } = await testDatabase(t);
  const dataDir = t.testdir();
  const streamId = newId();
  await new LivestreamTable(sql).insert({
    id: streamId,
    userId: 'owner',
    title: 'A title',
    description: '',
    recordingEnabled: false,
    streamKeyHash: '0'.repeat(64),
  });
  /** What is acknowledged, by the sender's name for it. */
  const acked = new Map<string, string>();
  /** What a client shows that dedupes by id, and by the sender's name for a message, where the newer takes its place. */
  const shown = new Map<string, string>();
  const pending = new Set<string>();
  let last = '';
  let kills = 0;

  for (let round = 0; round < ROUNDS; round++) {
    const args = [program, url, dataDir, streamId, `${round}`, last, [...pending].join(',')];
    const child = spawn(process.execPath, [...(compiled ? [] : ['--import', 'tsx']), ...args], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    t.teardown(() => child.kill('SIGKILL'));
    const closed = new Promise<string | null>((resolve) =>
      child.once('close', (_code, signal) => resolve(signal)),
    );
    const wanted = acked.size + 100 + 37 * round; // at another moment of a batch every time
    for await (const line of createInterface({ input: child.stdout })) {
      const [what, id = '', clientId = ''] = line.split(' ');
      if (what === 'deleted') t.fail(`${id} was taken back`);
      if (what === 'shown') {
        shown.set(clientId, id);
        pending.add(clientId);
        if (id > last) last = id;
      }
      if (what === 'acked') {
        const before = acked.get(clientId);
        if (before !== undefined && before !== id)
          t.fail(`${clientId} was acknowledged as ${before} and as ${id}`);
        acked.set(clientId, id);
        pending.delete(clientId);
      }
      if (acked.size >= wanted) child.kill('SIGKILL');
    }
    if ((await closed) === 'SIGKILL') kills++;
    for (const clientId of acked.keys()) pending.delete(clientId);
  }

  t.equal(kills, ROUNDS);
  const rows = await sql<{ id: string; clientId: string }[]>`
    select id, client_id as "clientId" from livestream_chat where stream_id = ${streamId} order by id`;
  const stored = new Map(rows.map(({ id, clientId }) => [clientId, id]));
  t.equal(stored.size, rows.length, 'nothing is stored twice');
  for (const [clientId, id] of acked)
    if (stored.get(clientId) !== id) t.fail(`${clientId} was acknowledged and is lost`);
  // The last batch may have been stored just before the kill, unseen.
  const seen = rows.filter(({ id }) => id <= last);
  for (const { clientId, id } of seen)
    if (shown.get(clientId) !== id)
      t.fail(`${clientId} is stored as ${id} and shown as ${shown.get(clientId)}`);
  t.ok(acked.size > ROUNDS * 100, `${acked.size} acknowledged, ${rows.length} stored`);
});
