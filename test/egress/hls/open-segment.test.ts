import { buffer } from 'node:stream/consumers';
import t from 'tap';
import { openSegment } from '../../../src/egress/hls/open-segment.js';
import { PackagedBroadcast } from '../../support/gateway/packaged-broadcast.js';
import { makeLadder } from '../../support/media/cmaf-ladder.js';

/** Keyframes every second, every other one the start of a segment; media begin at 10 s. */
const { chunks, renditions } = await makeLadder({
  ...{ folder: t.testdir(), durationS: 12, frameRate: '25', gop: 25 },
});
const VIDEO = 'source';

/** Has written 17 of 22 s: the fourth segment of the video is open. */
async function startBroadcast() {
  const broadcast = new PackagedBroadcast({ keyframeInterval: 1 });
  const reader = broadcast.startRun(0, renditions);
  const write = (fromS: number, untilS: number) =>
    broadcast.writeChunks(
      reader,
      chunks.filter(({ timeS }) => timeS >= fromS && timeS < untilS),
    );
  await write(0, 17);
  const rendition = broadcast.packager.findPresentation(broadcast.streamId)!.rendition(VIDEO)!;
  return { broadcast, reader, rendition, write };
}

/** Counts the waits that have not ended. */
class Waits {
  count = 0;

  readonly record = () => {
    this.count++;
    return () => {
      this.count--;
    };
  };
}

const always = () => true;

t.test('an open segment is streamed until it is complete', async (t) => {
  const { rendition, reader, write } = await startBroadcast();
  const waits = new Waits();
  t.notOk(rendition.isOpen(2));
  t.ok(rendition.isOpen(3));
  t.notOk(rendition.isOpen(4));
  const stream = openSegment(rendition, 3, { mayContinue: always, recordWait: waits.record });
  const chunksReceived: Buffer[] = [];
  stream.on('data', (bytes: Buffer) => chunksReceived.push(bytes));
  const ended = new Promise((resolve) => stream.once('end', resolve));
  await new Promise((resolve) => setImmediate(resolve));
  t.ok(chunksReceived.length >= 1, 'what is written is sent at once');
  const before = chunksReceived.length;
  await write(17, 17.5);
  t.ok(chunksReceived.length > before, 'and each part when it is published');
  await write(17.5, 20);
  await ended;
  t.ok(Buffer.concat(chunksReceived).equals(rendition.segment(3)!));
  t.equal(waits.count, 0, 'every wait has ended');
  reader.close();
});

t.test('a stream ends with an error when the permission has ended', async (t) => {
  const { rendition, reader, write } = await startBroadcast();
  const waits = new Waits();
  let isPermitted = true;
  const received = buffer(
    openSegment(rendition, 3, { mayContinue: () => isPermitted, recordWait: waits.record }),
  );
  received.catch(() => {});
  await write(17, 17.4);
  isPermitted = false;
  await write(17.4, 20);
  await t.rejects(received, /permission/);
  t.equal(waits.count, 0, 'every wait has ended');
  reader.close();
});

t.test('a stream ends with an error when no part comes in time', async (t) => {
  const { broadcast, rendition, reader } = await startBroadcast();
  const waits = new Waits();
  const received = buffer(openSegment(rendition, 3, { mayContinue: always, recordWait: waits.record }));
  received.catch(() => {});
  await broadcast.clock.advance(7_000);
  await t.rejects(received, /in time/);
  t.equal(waits.count, 0, 'every wait has ended');
  reader.close();
});

t.test('a stream that is closed waits no longer', async (t) => {
  const { rendition, reader } = await startBroadcast();
  const waits = new Waits();
  const stream = openSegment(rendition, 3, { mayContinue: always, recordWait: waits.record });
  stream.resume();
  await new Promise((resolve) => setImmediate(resolve));
  t.equal(waits.count, 1);
  stream.destroy();
  await new Promise((resolve) => setImmediate(resolve));
  t.equal(waits.count, 0, 'every wait has ended');
  reader.close();
});
