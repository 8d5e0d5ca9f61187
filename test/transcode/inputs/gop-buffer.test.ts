import t from 'tap';
import type { FlvTag } from '../../../src/media/index.js';
import { GopBuffer } from '../../../src/transcode/inputs/gop-buffer.js';

function tag(kind: FlvTag['kind'], timestamp: number, more: Partial<FlvTag> = {}): FlvTag {
  return { kind, timestamp, body: Buffer.alloc(100), header: false, keyframe: false, ...more };
}

t.test('the buffer for a joining encoder begins at the last keyframe', async (t) => {
  const buffer = new GopBuffer();
  buffer.reset(true);
  buffer.push(tag('video', 0, { header: true }));
  buffer.push(tag('audio', 0));
  buffer.push(tag('video', 10));
  t.equal(buffer.age, undefined, 'nothing can be decoded yet');
  buffer.push(tag('video', 40, { keyframe: true }));
  buffer.push(tag('audio', 50));
  buffer.push(tag('video', 80));
  t.strictSame(
    buffer.tags.map(({ timestamp }) => timestamp),
    [40, 50, 80],
  );
  t.equal(buffer.age, 40);
  buffer.push(tag('video', 120, { keyframe: true }));
  t.strictSame(
    buffer.tags.map(({ timestamp }) => timestamp),
    [120],
  );
  t.ok(buffer.videoHeader);
  t.notOk(buffer.audioHeader);
});

t.test('the group of pictures before the last keyframe is kept while the configuration stays', async (t) => {
  const buffer = new GopBuffer();
  const timestamps = (): number[] => buffer.withPrevious().tags.map(({ timestamp }) => timestamp);
  const header = tag('video', 0, { header: true });
  buffer.reset(true);
  buffer.push(header);
  for (const at of [0, 40, 80, 120, 160]) buffer.push(tag('video', at, { keyframe: at % 80 === 0 }));
  t.strictSame(timestamps(), [80, 120, 160]);
  buffer.push(header);
  buffer.push(tag('video', 200));
  t.strictSame(timestamps(), [80, 120, 160, 200], 'a repeated configuration changes nothing');
  buffer.push({ ...header, body: Buffer.alloc(100, 1) });
  t.strictSame(timestamps(), [160, 200]);
  buffer.push(tag('video', 240, { keyframe: true, body: Buffer.alloc(9 * 1024 * 1024) }));
  t.strictSame(timestamps(), [160, 200, 240]);
  buffer.push(tag('video', 320, { keyframe: true }));
  t.strictSame(timestamps(), [320], 'a large one is not kept');
});

t.test('a group of pictures without end is buffered within bounds', async (t) => {
  for (const limits of [
    { span: 1_000, bytes: 1e9 },
    { span: 1e9, bytes: 2_500 },
  ]) {
    const buffer = new GopBuffer(limits);
    buffer.reset(true);
    buffer.push(tag('video', 0, { keyframe: true }));
    for (let at = 40; at < 4_000; at += 40) buffer.push(tag('video', at));
    t.equal(buffer.tags.length, 0);
    buffer.push(tag('video', 4_000, { keyframe: true }));
    t.equal(buffer.tags.length, 1, 'the next keyframe is welcome');
  }
});

t.test('audio alone is joined at once', async (t) => {
  const buffer = new GopBuffer();
  buffer.reset(false);
  for (let at = 0; at <= 5_000; at += 20) buffer.push(tag('audio', at));
  t.ok((buffer.age ?? 0) <= 250 && (buffer.age ?? 0) >= 200);
});

t.test('an announcement that proves wrong is corrected', async (t) => {
  const silent = new GopBuffer();
  silent.reset(true);
  for (let at = 0; at <= 1_900; at += 20) silent.push(tag('audio', at));
  t.equal(silent.age, undefined, 'the picture may still come');
  for (let at = 1_920; at <= 2_200; at += 20) silent.push(tag('audio', at));
  t.ok((silent.age ?? 0) > 0, 'it does not: sound alone');
  silent.push(tag('video', 2_220));
  t.equal(silent.age, undefined, 'it does after all: at its keyframe');
  silent.push(tag('video', 2_240, { keyframe: true }));
  t.equal(silent.age, 0);
});

t.test('a recovery point begins the buffer when the last keyframe is old, or lost', async (t) => {
  const buffer = new GopBuffer({ span: 15_000, bytes: 10_000 });
  const first = (): number | undefined => buffer.tags[0]?.timestamp;
  const push = (timestamp: number, more: Partial<FlvTag> = {}): void =>
    buffer.push(tag('video', timestamp, more));
  buffer.reset(true);
  push(0, { keyframe: true });
  push(2_000, { recoveryPoint: 'open-gop' });
  t.equal(first(), 0, 'the keyframe is better');
  push(6_000, { recoveryPoint: 'open-gop' });
  t.equal(first(), 6_000);
  push(6_040, { body: Buffer.alloc(20_000) });
  t.equal(first(), undefined, 'too large a group is dropped');
  push(8_000, { recoveryPoint: 'gradual' });
  t.equal(first(), 8_000);
});

t.test('keyframes that are so far apart that the buffer may lose them are scarce', async (t) => {
  const buffer = new GopBuffer();
  buffer.reset(true);
  buffer.push(tag('audio', 0));
  buffer.push(tag('video', 0));
  t.notOk(buffer.isScarce, 'the first one may come');
  for (let at = 0; at < 12_000; at += 1_000) buffer.push(tag('video', at, { keyframe: at === 0 }));
  t.notOk(buffer.isScarce);
  buffer.push(tag('video', 12_000));
  t.ok(buffer.isScarce);
  buffer.push(tag('video', 13_000, { keyframe: true }));
  t.ok(buffer.isScarce, 'the next one may be as late');
  buffer.reset(true);
  t.notOk(buffer.isScarce);
});

t.test(
  'an encoder is expected to join again when the source has shown that it can be joined twice',
  async (t) => {
    const buffer = new GopBuffer();
    buffer.reset(true);
    buffer.push(tag('audio', 0));
    buffer.push(tag('video', 0, { keyframe: true }));
    for (let at = 40; at < 10_000; at += 40) buffer.push(tag('video', at));
    t.notOk(buffer.isJoinableAgain, 'the only keyframe may be the last');
    buffer.push(tag('video', 10_000, { recoveryPoint: 'gradual' }));
    t.ok(buffer.isJoinableAgain);
    buffer.push(tag('video', 10_040));
    for (let at = 10_100; at < 40_000; at += 100) buffer.push(tag('audio', at));
    for (let at = 40_000; at < 49_000; at += 1_000) buffer.push(tag('video', at));
    t.equal(buffer.age, undefined);
    t.ok(buffer.isJoinableAgain, 'a pause of the picture says nothing about keyframes');
    for (let at = 49_000; at < 52_000; at += 1_000) buffer.push(tag('video', at));
    t.notOk(buffer.isJoinableAgain, 'keyframes are too far apart');
    t.ok(buffer.isLost);
    buffer.reset(true);
    t.notOk(buffer.isJoinableAgain);
  },
);

t.test('an encoder that joins after the media were forgotten begins with the next keyframe', async (t) => {
  const buffer = new GopBuffer();
  buffer.reset(true);
  buffer.push(tag('video', 0, { header: true }));
  for (const at of [0, 40, 80]) buffer.push(tag('video', at, { keyframe: at % 80 === 0 }));
  buffer.forgetMedia();
  buffer.push(tag('video', 120));
  t.strictSame(buffer.withPrevious().tags, []);
  t.ok(buffer.videoHeader, 'the configuration is kept');
  buffer.push(tag('video', 160, { keyframe: true }));
  t.strictSame(
    buffer.withPrevious().tags.map(({ timestamp }) => timestamp),
    [160],
  );
});
