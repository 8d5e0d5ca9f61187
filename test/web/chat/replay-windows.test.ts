import { setImmediate as nextTurn } from 'node:timers/promises';
import t from 'tap';
import {
  type LoadReplay,
  type ReplayedMessage,
  ReplayWindows,
} from '../../../src/web/chat/replay-windows.js';

function messageAt(positionS: number): ReplayedMessage {
  const date = '2026-01-01T00:00:00Z';
  const id = String(positionS);
  return {
    positionS,
    message: { id, streamId: 's', userId: 'u', name: 'Ann', message: id, createdAt: date, mediaTime: date },
  };
}

/** Serves messages in pages of two, and notes the requests. */
function serve(positions: readonly number[]): { load: LoadReplay; requests: string[] } {
  const requests: string[] = [];
  return {
    requests,
    async load({ fromS, toS, after }) {
      requests.push(`${fromS}-${toS}${after === undefined ? '' : ` after ${after}`}`);
      const found = positions.filter((at) => at >= fromS && at < toS && at > Number(after ?? -1));
      return { messages: found.slice(0, 2).map(messageAt), more: found.length > 2 };
    },
  };
}

const positionsOf = (messages: readonly ReplayedMessage[]): number[] =>
  messages.map(({ positionS }) => positionS);

/** Asks for a position until everything around it is loaded. */
async function settled(windows: ReplayWindows, positionS: number): Promise<number[]> {
  windows.upTo(positionS);
  for (let turn = 0; turn < 20; turn++) await nextTurn();
  return positionsOf(windows.upTo(positionS));
}

t.test('the messages up to the playhead are shown, by pages and over the border of windows', async (t) => {
  const { load, requests } = serve([5, 50, 55, 59, 61, 62, 130, 200]);
  let changes = 0;
  const windows = new ReplayWindows(load, () => changes++);
  t.strictSame(positionsOf(windows.upTo(56)), [], 'nothing is loaded yet');
  t.strictSame(await settled(windows, 56), [5, 50, 55]);
  t.strictSame(await settled(windows, 61.5), [5, 50, 55, 59, 61]);
  t.strictSame(await settled(windows, 10), [5], 'a seek back hides later ones');
  t.strictSame(await settled(windows, 150), [61, 62, 130], 'a minute before the playhead');
  t.strictSame(requests, ['0-60', '60-120', '0-60 after 50', '120-180', '180-240']);
  t.ok(changes >= 4);
});

t.test('a failed window is asked for again later only, and old windows are dropped', async (t) => {
  const { load, requests } = serve([1]);
  let isAway = true;
  const windows = new ReplayWindows(
    async (query) => (isAway ? void requests.push('away') : await load(query)),
    () => {},
  );
  await settled(windows, 0);
  t.strictSame(requests, ['away', 'away']);
  isAway = false;
  await settled(windows, 0);
  t.equal(requests.length, 2, 'not at once');
  for (let minute = 2; minute < 14; minute++) await settled(windows, minute * 60);
  const before = requests.length;
  await settled(windows, 120);
  t.ok(requests.length > before, 'windows from long ago are loaded anew');
});
