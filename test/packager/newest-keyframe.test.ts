import { writeFileSync } from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { PackagedBroadcast } from '../support/gateway/packaged-broadcast.js';
import { makeLadder } from '../support/media/cmaf-ladder.js';
import { run } from '../support/media/encoder.js';

const folder = t.testdir({ both: {}, audio: {} });
const both = await makeLadder({ folder: `${folder}/both`, durationS: 7, frameRate: '25', gop: 50 });

/** Returns the first decodable frame of an MP4 according to ffprobe: keyframe, width, height. */
async function firstPicture(bytes: Buffer): Promise<string | undefined> {
  const file = path.join(folder, 'keyframe.mp4');
  writeFileSync(file, bytes);
  const shown = '-select_streams v -show_entries frame=key_frame,width,height -of csv=p=0'.split(' ');
  return (await run('ffprobe', ['-v', 'error', ...shown, file])).stdout.split('\n')[0];
}

t.test('the newest keyframe is that of the smallest rendition and decodes alone', async (t) => {
  const broadcast = new PackagedBroadcast({ keyframeInterval: 2 });
  const reader = broadcast.startRun(0, both.renditions);
  const newest = (): Buffer | undefined => {
    const media = broadcast.packager.findPresentation('stream-1')?.newestKeyframe();
    return media && Buffer.concat(media);
  };
  t.equal(newest(), undefined);
  const times = new Set<string>();
  await broadcast.writeChunks(reader, both.chunks, async () => {
    const media = newest();
    if (!media || times.has(media.toString('base64'))) return;
    times.add(media.toString('base64'));
    t.match(await firstPicture(media), /^1,240,180\b/, 'the source has 320x240');
  });
  t.ok(times.size >= 3, 'there is another with every segment');
});

t.test('audio without video has no newest keyframe', async (t) => {
  const audio = await makeLadder({ folder: `${folder}/audio`, durationS: 5, video: false });
  const broadcast = new PackagedBroadcast();
  const reader = broadcast.startRun(0, audio.renditions);
  await broadcast.writeChunks(reader, audio.chunks);
  t.equal(broadcast.playableCalls, 1);
  t.equal(broadcast.packager.findPresentation('stream-1')?.newestKeyframe(), undefined);
});
