import { parse, setOptions, type types } from 'hls-parser';
import t from 'tap';
import { PackagedBroadcast } from '../support/gateway/packaged-broadcast.js';
import { makeLadder } from '../support/media/cmaf-ladder.js';

setOptions({ strictMode: true });
const { renditions, chunks } = await makeLadder({
  folder: t.testdir(),
  durationS: 16,
  frameRate: '25',
  gop: 50,
});
const media = (broadcast: PackagedBroadcast, id: string) =>
  parse(broadcast.playlist(id)) as types.MediaPlaylist;
const feed = (broadcast: PackagedBroadcast, id: string) =>
  broadcast.packager.findPresentation('stream-1')!.rendition(id)!;

t.test('segments just outside the listed window can still be fetched', async (t) => {
  const broadcast = new PackagedBroadcast({ windowDurationS: 4, keyframeInterval: 2 });
  let longest = 0;
  await broadcast.writeChunks(broadcast.startRun(0, renditions), chunks, () => {
    if (!broadcast.multivariant()) return;
    longest = Math.max(longest, broadcast.playlist('source').match(/^s\d/gm)?.length ?? 0);
  });
  t.ok(longest <= 3, `${longest} segments are listed at most`);
  const { mediaSequenceBase = 0 } = media(broadcast, 'source');
  t.ok(mediaSequenceBase >= 4);
  t.ok(feed(broadcast, 'source').segment(mediaSequenceBase - 2));
  t.equal(feed(broadcast, 'source').segment(0), undefined);
});

t.test('media above the byte limit are dropped, the oldest of all renditions first', async (t) => {
  const windowBytes = 600_000;
  const broadcast = new PackagedBroadcast({ windowBytes, keyframeInterval: 2 });
  let most = 0;
  const size = (): number =>
    renditions
      .map(({ id }) => {
        const track = broadcast.packager.findPresentation('stream-1')?.rendition(id);
        let bytes = 0;
        for (let msn = 0; msn < 9; msn++) {
          for (let part = 0; ; part++) {
            const data = track?.part(msn, part);
            if (!Buffer.isBuffer(data)) {
              if (typeof data === 'object') data.cancel();
              break;
            }
            bytes += data.length;
          }
        }
        return bytes;
      })
      .reduce((sum, bytes) => sum + bytes);
  let count = 0;
  await broadcast.writeChunks(broadcast.startRun(0, renditions), chunks, () => {
    if (count++ % 50 === 0) most = Math.max(most, size());
  });
  t.ok(most > windowBytes / 2 && most <= windowBytes, `${most} bytes`);
  const bases = renditions.map(({ id }) => media(broadcast, id).mediaSequenceBase ?? 0);
  t.ok(Math.min(...bases) > 0);
  t.ok(Math.max(...bases) - Math.min(...bases) <= 1, 'all renditions lose alike');
});
