import t from 'tap';
import { ReactionCounts } from '../../../src/web/chat/reaction-counts.js';

t.test('own reactions appear at once, and are not counted again when the server sends them', async (t) => {
  let changes = 0;
  const counts = new ReactionCounts(() => changes++);
  t.teardown(() => counts.close());
  counts.addOwn('🔥');
  t.strictSame(counts.recent, [{ reaction: '🔥', count: 1 }]);
  counts.add({ '🔥': 1 });
  t.strictSame(counts.recent, [{ reaction: '🔥', count: 1 }]);
  counts.add({ '🔥': 3, '👏': 2 });
  t.strictSame(counts.recent, [
    { reaction: '🔥', count: 4 },
    { reaction: '👏', count: 2 },
  ]);
  t.ok(changes >= 3);
});

t.test('eight kinds of reactions are shown at most', async (t) => {
  const counts = new ReactionCounts(() => {});
  t.teardown(() => counts.close());
  counts.add(Object.fromEntries(Array.from({ length: 20 }, (_, index) => [`:kind${index}:`, 1])));
  t.equal(counts.recent.length, 8);
});
