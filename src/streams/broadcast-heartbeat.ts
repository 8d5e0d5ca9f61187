import type { BroadcastTable } from './broadcast-table.js';
import type { LiveBroadcast } from './live-broadcast.js';

/** Says in the database that these broadcasts have their publishers, and what those send. */
export async function storeHeartbeat(
  table: BroadcastTable,
  broadcasts: Iterable<LiveBroadcast>,
  now: Date,
): Promise<void> {
  const publishing = [...broadcasts].filter((broadcast) => broadcast.publishing);
  if (publishing.length === 0) return;
  await table.touch(
    publishing.map((broadcast) => broadcast.id),
    now,
  );
  for (const broadcast of publishing) {
    const source = broadcast.takeChangedSource();
    if (source) await table.saveSource(broadcast.id, source);
  }
}
