import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import t, { type Test } from 'tap';
import { isKeyFrame, writeFragment } from '../../../src/media/index.js';
import type { Slate, SlateRequest } from '../../../src/transcode/slate/slate.js';
import { SlateRenderer } from '../../../src/transcode/slate/slate-renderer.js';
import { openSlateSource, type SlateSource } from '../../../src/transcode/slate/slate-source.js';
import { FakeClock } from '../../support/fakes/fake-clock.js';

const FFMPEG = { path: 'ffmpeg', environment: { PATH: process.env.PATH } };
const MP4 = '-f mp4 -movflags +empty_moov+default_base_moof+frag_keyframe pipe:1'.split(' ');
const signal = new AbortController().signal;
const REQUEST: SlateRequest = {
  renditions: [
    { id: '360p', width: 640, height: 360, bitrate: 800_000 },
    { id: '180p', width: 320, height: 180, bitrate: 300_000 },
  ],
  picturesPerSegment: 60,
  segmentDurationS: 2,
  ...{ codec: 'h264', profile: 'high' },
};
const { fontFile } = await openSlateSource(FFMPEG, { file: undefined, text: '' });
const recogniseSlateFile = async (file: string) => (await openSlateSource(FFMPEG, { file, text: '' })).file;

function ffmpeg(...args: string[]): Buffer {
  return execFileSync('ffmpeg', ['-v', 'error', '-xerror', ...args], { maxBuffer: 2 ** 30 });
}

function renderer(source: Partial<SlateSource> = {}): SlateRenderer {
  const whole = { file: undefined, text: '', fontFile, ...source };
  return new SlateRenderer({ ffmpeg: FFMPEG, source: whole, maxPixels: 2_073_600, clock: new FakeClock() });
}

/** Keyframe of a picture of one grey. */
function grey(luma: number, size = '640x360'): Buffer {
  const source = `color=c=black:size=${size},format=yuv420p,lutyuv=y=${luma}:u=128:v=128`;
  return ffmpeg('-f', 'lavfi', '-i', source, '-frames:v', '1', '-c:v', 'libx264', ...MP4);
}

/** Decodes `count` pictures of a rendition, which repeats from its beginning; luma of each picture. */
function decode(t: Test, slate: Slate, id: string, count: number): Buffer[] {
  const { init, pictures } = slate.get(id)!;
  if (init?.kind !== 'video') throw new Error('not video');
  const samples = Array.from({ length: count }, (_, index) => {
    const { data, sync } = pictures[index % pictures.length]!;
    const flags = sync ? 0x0200_0000 : 0x0101_0000;
    return { decodeTime: index * 3000, duration: 3000, compositionOffset: 0, flags, sync, data };
  });
  const file = path.join(t.testdir(), 'slate.mp4');
  const fragment = writeFragment({ trackId: init.trackId, sequence: 1, decodeTime: 0, samples });
  writeFileSync(file, Buffer.concat([init.data, fragment]));
  const luma = ffmpeg('-err_detect', 'explode', '-i', file, '-f', 'rawvideo', '-pix_fmt', 'gray', 'pipe:1');
  const size = init.width * init.height;
  t.equal(luma.length, size * count, 'every picture is decoded');
  return Array.from({ length: count }, (_, index) => luma.subarray(index * size, (index + 1) * size));
}

const brightest = (luma: Buffer): number => luma.reduce((most, value) => Math.max(most, value), 0);

for (const profile of ['high', 'baseline'] as const)
  t.test(
    `a ${profile} slate repeats the dimmed picture exactly, at the size of each rendition`,
    async (t) => {
      const slate = await renderer().render({ ...REQUEST, profile }, [grey(200)], signal);
      t.same([...slate.keys()], ['360p', '180p']);
      for (const { id, width, height } of REQUEST.renditions) {
        const track = slate.get(id)!;
        t.match(track.init, { kind: 'video', width, height });
        t.match(track.init?.codec, profile === 'high' ? /^avc1\.6400(0|1)/ : /^avc1\.42c0(0|1)/);
        t.same(
          track.pictures.flatMap(({ sync }, index) => (sync ? [index] : [])),
          [0],
          'one keyframe',
        );
        t.equal(track.pictures.length, 60);
        t.ok(Math.max(...track.pictures.slice(1).map(({ data }) => data.length)) < 32, 'the others are tiny');
        const [first, ...others] = decode(t, slate, id, 150);
        t.ok(others.every((luma) => luma.equals(first!)));
        t.ok(brightest(first!) < 110, `${brightest(first!)}`);
        t.ok(brightest(first!) > 70, `${brightest(first!)}`);
      }
    },
  );

t.test('a sentence is drawn on the last picture, whatever its characters', async (t) => {
  if (fontFile === undefined) return t.comment('this ffmpeg draws no text');
  for (const text of ["Back soon: it's 5 %{pts} [x],; \\ 'q'", 'Ein Augenblick, bitte …', 'x'.repeat(120)]) {
    const slate = await renderer({ text }).render(REQUEST, [grey(16)], signal);
    const [luma] = decode(t, slate, '360p', 1);
    t.ok(brightest(luma!) > 180, text);
    const edge = Buffer.concat(
      Array.from({ length: 360 }, (_, row) => luma!.subarray(row * 640, row * 640 + 4)),
    );
    t.ok(brightest(edge) < 40, 'the sentence fits');
  }
});

t.test('a configured picture is fitted into each rendition without dimming or a sentence', async (t) => {
  const folder = t.testdir();
  for (const extension of ['png', 'jpg', 'webp']) {
    const file = path.join(folder, `slate.${extension}`);
    ffmpeg('-f', 'lavfi', '-i', 'color=c=white:size=300x300', '-frames:v', '1', file);
    const source = { file: await recogniseSlateFile(file), text: 'not drawn' };
    const slate = await renderer(source).render(REQUEST, [], signal);
    const [luma, last] = decode(t, slate, '360p', 60).filter((_, index) => index % 59 === 0);
    t.ok(luma![180 * 640 + 320]! > 220, `${extension}: the picture in the centre`);
    t.ok(luma![180 * 640 + 10]! < 30, 'black beside it');
    t.ok(luma!.equals(last!));
  }
});

t.test('a configured film is shown in whole segments of at most ten seconds and encoded once', async (t) => {
  const folder = t.testdir();
  for (const [seconds, segments, extension] of [
    [1, 1, 'mp4'],
    [3, 2, 'webm'],
    [14, 6, 'mp4'],
  ] as const) {
    const file = path.join(folder, `film-${seconds}.${extension}`);
    const codec = extension === 'webm' ? ['-c:v', 'libvpx', '-deadline', 'realtime'] : ['-c:v', 'libx264'];
    ffmpeg('-f', 'lavfi', '-i', 'testsrc2=size=320x180:rate=25', '-t', String(seconds), ...codec, file);
    const one = renderer({ file: await recogniseSlateFile(file) });
    const slate = await one.render(REQUEST, [], signal);
    const { pictures } = slate.get('180p')!;
    // The last picture is held for one segment more, of which whole segments are kept.
    t.ok(pictures.length >= Math.min(seconds, 10) * 30 && pictures.length <= segments * 60);
    t.equal(pictures.length % 60, 0);
    t.ok(pictures.every(({ sync }, index) => sync === (index % 60 === 0)));
    const decoded = decode(t, slate, '180p', pictures.length + 30);
    t.notOk(decoded[0]!.equals(decoded[15]!), 'it moves');
    t.ok(decoded[0]!.equals(decoded[pictures.length]!), 'it begins again');
    t.equal(await one.render(REQUEST, [], signal), slate);
  }
});

t.test(
  'a file that is missing, a folder, of another format or too large is refused with a sentence',
  async (t) => {
    const folder = t.testdir({ 'text.png': 'no picture', empty: '' });
    for (const [file, reason] of [
      [path.join(folder, 'missing.png'), /missing\.png cannot be shown: ENOENT/],
      [folder, /it is not a file/],
      [path.join(folder, 'text.png'), /neither PNG, JPEG, WebP, MP4 nor WebM/],
      [path.join(folder, 'empty'), /neither PNG/],
    ] as const)
      await t.rejects(recogniseSlateFile(file), { code: 'slate_unreadable', message: reason });
  },
);

t.test(
  'a picture that cannot be decoded fails with slate_failed and leaves the next one possible',
  async (t) => {
    const one = renderer();
    const many = Array.from({ length: 6 }, () => one.render(REQUEST, [Buffer.alloc(5_000, 1)], signal));
    for (const outcome of await Promise.allSettled(many))
      t.match(outcome, { status: 'rejected', reason: { code: 'slate_failed' } });
    await t.rejects(
      one.render(REQUEST, [grey(90, '2000x2000')], signal),
      { code: 'slate_failed' },
      'too large',
    );
    t.equal((await one.render(REQUEST, [grey(90)], signal)).size, 2);
  },
);

for (const codec of ['vp8', 'vp9', 'av1'] as const)
  t.test(`a slate in ${codec} begins with its only keyframe, also without a picture`, async (t) => {
    const request: SlateRequest = { ...REQUEST, picturesPerSegment: 30, codec };
    for (const picture of [[grey(200)], undefined]) {
      const slate = await renderer().render(request, picture, signal);
      for (const { pictures } of slate.values()) {
        t.equal(pictures.length, 30);
        t.same(
          pictures.map(({ data }, index) => isKeyFrame(codec, data, 0) === (index === 0)),
          Array.from({ length: 30 }, () => true),
        );
      }
    }
  });
