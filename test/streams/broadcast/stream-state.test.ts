import t from 'tap';
import { nextState, type StreamEvent, type StreamState } from '../../../src/streams/index.js';

const STATES: StreamState[] = [
  { name: 'offline' },
  { name: 'starting' },
  { name: 'live' },
  { name: 'reconnecting', until: 5 },
  { name: 'ending', reason: 'grace-expired' },
];

const EVENTS: StreamEvent[] = [
  { name: 'published' },
  { name: 'playable' },
  { name: 'held', until: 9 },
  { name: 'ended', reason: 'ended-by-owner' },
  { name: 'gone' },
];

/** Next state by state and event; a dash: the event is not accepted. */
const TABLE = `
              published  playable  held          ended   gone
offline       starting   -         reconnecting  -       -
starting      -          live      reconnecting  ending  -
live          -          -         reconnecting  ending  -
reconnecting  starting   -         -             ending  -
ending        -          -         -             -       offline
`;

t.test('every event in every state leads to the state in the table', async (t) => {
  const [head, ...rows] = TABLE.trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/));
  t.strictSame(
    head,
    EVENTS.map((event) => event.name),
  );
  t.equal(rows.length, STATES.length);
  for (const state of STATES) {
    const row = rows.find(([name]) => name === state.name);
    t.ok(row, state.name);
    EVENTS.forEach((event, column) => {
      const expected = row?.[column + 1];
      t.equal(nextState(state, event)?.name ?? '-', expected, `${state.name} on ${event.name}`);
    });
  }
});

t.test('a hold has its deadline, and an end its reason', async (t) => {
  t.strictSame(nextState({ name: 'live' }, { name: 'held', until: 9 }), { name: 'reconnecting', until: 9 });
  t.strictSame(nextState({ name: 'live' }, { name: 'ended', reason: 'shutdown' }), {
    name: 'ending',
    reason: 'shutdown',
  });
});
