import { Writable } from 'node:stream';
import t from 'tap';
import type { FlvTag } from '../../src/media/index.js';
import { MediaFeed } from '../../src/restreams/media-feed.js';
import { MediaQueue } from '../../src/restreams/media-queue.js';

/** Output that takes bytes only when the test says so. */
class SlowOutput extends Writable {
  taken: Buffer[] = [];
  #release: (() => void) | undefined;
  isOpen = true;

  constructor() {
    super({ highWaterMark: 1 });
  }

  override _write(bytes: Buffer, _encoding: string, done: () => void): void {
    this.taken.push(bytes);
    if (this.isOpen) done();
    else this.#release = done;
  }

  open(): void {
    this.isOpen = true;
    this.#release?.();
  }
}

function tag(kind: 'video' | 'audio', timestamp: number, options: Partial<FlvTag> = {}): FlvTag {
  return { kind, timestamp, body: Buffer.alloc(100_000), header: false, keyframe: false, ...options };
}

const TRACKS = { video: { codec: 'h264' as const }, audio: { codec: 'aac' as const } };

function startQueue() {
  const output = new SlowOutput();
  const sent: string[] = [];
  const queue = new MediaQueue({
    output,
    frame: ({ kind, header, keyframe, body }, timestamp) => {
      sent.push(`${kind}${header ? ' header' : keyframe ? ' key' : ''} ${timestamp}`);
      return [body];
    },
    limits: { ms: 1_000 },
  });
  const feed = new MediaFeed(0);
  return { output, sent, queue, feed };
}

t.test('an output that joins late begins with the configurations and a keyframe, at 0', async (t) => {
  const { sent, queue, feed } = startQueue();
  feed.begin(500, TRACKS);
  feed.write(tag('video', 0, { header: true }));
  feed.write(tag('audio', 0, { header: true }));
  feed.write(tag('video', 0, { keyframe: true }));
  feed.join(queue);
  feed.write(tag('video', 40));
  feed.write(tag('audio', 45));
  feed.write(tag('video', 80, { keyframe: true }));
  feed.write(tag('audio', 90));
  t.same(sent, ['video header 0', 'audio header 0', 'video key 0', 'audio 10']);
});

t.test('timestamps go on over the return of the publisher, with the gap between', async (t) => {
  const { sent, queue, feed } = startQueue();
  feed.join(queue);
  feed.begin(1_000, TRACKS);
  feed.write(tag('video', 0, { keyframe: true }));
  feed.write(tag('video', 40));
  feed.end();
  feed.begin(3_000, TRACKS);
  feed.write(tag('video', 0, { keyframe: true }));
  feed.end();
  feed.begin(-6_000, TRACKS);
  feed.write(tag('video', 8_000, { keyframe: true }));
  t.same(
    sent,
    ['video key 0', 'video 40', 'video key 2000', 'video key 2001'],
    'a clock step never leads back',
  );
});

t.test('a slow target gets the next keyframe after what was dropped', async (t) => {
  const { output, sent, queue, feed } = startQueue();
  feed.join(queue);
  feed.begin(0, TRACKS);
  output.isOpen = false;
  feed.write(tag('video', 0, { header: true }));
  for (let time = 0; time < 4_000; time += 100) feed.write(tag('video', time, { keyframe: time === 0 }));
  t.ok(queue.droppedFrames > 5, `${queue.droppedFrames} frames were dropped`);
  t.ok(output.writableLength < 500_000, 'the memory is bounded');
  output.open();
  await new Promise((resolve) => setImmediate(resolve));
  const before = sent.length;
  feed.write(tag('video', 4_000));
  feed.write(tag('video', 4_100, { keyframe: true }));
  t.same(sent.slice(before), ['video key 4100']);
  queue.close();
  feed.write(tag('video', 4_200));
  t.equal(sent.length, before + 1, 'nothing is sent after the end');
});
