import { parse, setOptions } from 'hls-parser';
import t from 'tap';
import { PackagedBroadcast } from '../support/gateway/packaged-broadcast.js';
import { makeLadder } from '../support/media/cmaf-ladder.js';
import { seededRandom } from '../support/media/seeded-random.js';

setOptions({ strictMode: false });
const { renditions, chunks } = await makeLadder({ folder: t.testdir({}), durationS: 5, rungs: [] });

t.test('mutated media are refused with an error code or give valid playlists', async (t) => {
  const random = seededRandom(11);
  let refused = 0;
  let packaged = 0;
  for (let round = 0; round < 150; round++) {
    const broadcast = new PackagedBroadcast({ keyframeInterval: 2.002, windowBytes: 4e6 });
    for (const index of [0, 1]) {
      const reader = broadcast.startRun(index, renditions);
      try {
        for (const { rendition, bytes } of chunks) {
          if (random() > 0.02) {
            reader.write(rendition, bytes);
            continue;
          }
          // Mostly in the boxes, where times, sizes and flags are.
          const mutated = Buffer.from(bytes);
          const reach = random() < 0.9 ? Math.min(220, mutated.length) : mutated.length;
          mutated[Math.floor(random() * reach)] = Math.floor(random() * 256);
          reader.write(rendition, mutated);
        }
      } catch (error) {
        if (!/^(cmaf|rendition|segment|part|media)_/.test(String((error as { code?: string }).code))) {
          t.fail(`round ${round}: ${(error as Error).stack}`);
          return;
        }
        refused++;
      }
      reader.close();
    }
    for (const { id } of renditions) {
      for (const delta of [false, true]) {
        const feed = broadcast.packager.findPresentation('stream-1')?.rendition(id);
        const text = feed?.playlist(delta)?.toString();
        if (text === undefined) continue;
        if (/NaN|undefined|Infinity|-\d/.test(text.replace(/\d{4}-\d\d-\d\dT|init-/g, ''))) {
          t.fail(`round ${round}: ${text}`);
          return;
        }
        parse(text);
        packaged++;
      }
    }
    await broadcast.endBroadcast('transcoder-failed');
    broadcast.packager.close();
  }
  t.ok(refused > 50 && packaged > 300, `${refused} refused, ${packaged} playlists`);
});
