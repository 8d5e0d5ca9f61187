import t from 'tap';
import type { VideoSource } from '../../../src/media/index.js';
import {
  chooseLadder,
  DEFAULT_LADDER,
  type LadderRequest,
  renditionsOf,
} from '../../../src/transcode/hls/ladder.js';

const HD: VideoSource = { codec: 'h264', width: 1920, height: 1080, frameRate: 30, bitrate: 6_000_000 };

function choose(video: VideoSource | undefined, more: Partial<LadderRequest> = {}) {
  return chooseLadder({
    video,
    audio: { codec: 'aac', channels: 2 },
    rungs: DEFAULT_LADDER,
    audioBitrateBps: 128_000,
    passthrough: true,
    shed: new Set(),
    ...more,
  });
}

/** `1080p=` for one that is passed through, `720p 1280x720` for one that is encoded. */
function short(video: VideoSource | undefined, more: Partial<LadderRequest> = {}): string[] {
  return choose(video, more).video.map((rendition) =>
    rendition.passthrough
      ? `${rendition.id}=`
      : `${rendition.id} ${rendition.size?.width}x${rendition.size?.height}`,
  );
}

const TABLE: [
  name: string,
  video: VideoSource | undefined,
  expected: string[],
  more?: Partial<LadderRequest>,
][] = [
  ['1080p H.264', HD, ['1080p=', '720p 1280x720', '480p 854x480', '360p 640x360', '240p 426x240']],
  [
    '720p H.264',
    { ...HD, width: 1280, height: 720 },
    ['720p=', '480p 854x480', '360p 640x360', '240p 426x240'],
  ],
  [
    'just above a rung',
    { ...HD, width: 1366, height: 768 },
    ['768p=', '480p 854x480', '360p 640x360', '240p 426x240'],
  ],
  [
    '4K',
    { ...HD, width: 3840, height: 2160 },
    ['2160p=', '1080p 1920x1080', '720p 1280x720', '480p 854x480', '360p 640x360', '240p 426x240'],
  ],
  [
    'portrait',
    { ...HD, width: 1080, height: 1920 },
    ['1080p=', '720p 720x1280', '480p 480x854', '360p 360x640', '240p 240x426'],
  ],
  ['square', { ...HD, width: 600, height: 600 }, ['600p=', '480p 480x480', '360p 360x360', '240p 240x240']],
  [
    'ultrawide',
    { ...HD, width: 2560, height: 1080 },
    ['1080p=', '720p 1706x720', '480p 1138x480', '360p 854x360', '240p 568x240'],
  ],
  ['4:3', { ...HD, width: 640, height: 480 }, ['480p=', '360p 480x360', '240p 320x240']],
  ['tiny', { ...HD, width: 160, height: 90 }, ['90p=']],
  ['odd size passed through', { ...HD, width: 853, height: 479 }, ['479p=', '360p 642x360', '240p 428x240']],
  [
    'odd size encoded',
    { ...HD, width: 853, height: 479 },
    ['479p 852x478', '360p 642x360', '240p 428x240'],
    { passthrough: false },
  ],
  [
    'HEVC',
    { ...HD, codec: 'hevc' },
    ['1080p 1920x1080', '720p 1280x720', '480p 854x480', '360p 640x360', '240p 426x240'],
  ],
  ['AV1', { ...HD, codec: 'av1', width: 640, height: 360 }, ['360p 640x360', '240p 426x240']],
  [
    'keyframes 10 s apart',
    { ...HD, height: 360, width: 640, keyframeInterval: 10 },
    ['360p 640x360', '240p 426x240'],
  ],
  [
    'keyframes 0.5 s apart',
    { ...HD, height: 360, width: 640, keyframeInterval: 0.5 },
    ['360p 640x360', '240p 426x240'],
  ],
  ['keyframes 2 s apart', { ...HD, height: 360, width: 640, keyframeInterval: 2 }, ['360p=', '240p 426x240']],
  [
    'irregular keyframes',
    { ...HD, height: 360, width: 640 },
    ['360p 640x360', '240p 426x240'],
    { passthrough: false },
  ],
  ['no ladder', HD, ['1080p='], { rungs: 'off' }],
  ['no ladder, irregular', HD, ['1080p 1920x1080'], { rungs: 'off', passthrough: false }],
  ['unknown size', { codec: 'h264' }, ['source=']],
  ['unknown size, encoded', { codec: 'hevc' }, ['source undefinedxundefined']],
  ['audio only', undefined, []],
  ['shed', HD, ['1080p=', '360p 640x360', '240p 426x240'], { shed: new Set(['720p', '480p']) }],
  [
    'a passed-through picture is never shed',
    { ...HD, height: 360, width: 640 },
    ['360p='],
    { shed: new Set(['360p', '240p']) },
  ],
  [
    'the last picture is never shed',
    { ...HD, codec: 'hevc', height: 360, width: 640 },
    ['240p 426x240'],
    { shed: new Set(['360p', '240p']) },
  ],
  [
    'rungs in any order',
    { ...HD, width: 1280, height: 720 },
    ['720p=', '480p 854x480', '240p 426x240'],
    {
      rungs: [
        { height: 240, bitrate: 3e5 },
        { height: 480, bitrate: 1e6 },
      ],
    },
  ],
];

for (const [name, video, expected, more] of TABLE) {
  t.test(`the ladder of ${name}`, async (t) => {
    t.strictSame(short(video, more), expected);
    for (const rendition of choose(video, more).video) {
      if (rendition.passthrough || !rendition.size) continue;
      t.equal(rendition.size.width % 2, 0);
      t.equal(rendition.size.height % 2, 0);
    }
  });
}

t.test('no rendition is larger than its source', async (t) => {
  for (let height = 16; height <= 2400; height += 7) {
    const width = Math.round((height * 16) / 9);
    for (const passthrough of [true, false]) {
      const ladder = choose({ codec: 'h264', width, height, frameRate: 30 }, { passthrough });
      const [, ...below] = ladder.video;
      for (const rendition of below)
        t.ok(!rendition.passthrough && rendition.size && rendition.size.height <= height * 0.8 + 1);
      t.equal(new Set(ladder.video.map(({ id }) => id)).size, ladder.video.length);
    }
  }
});

function bitrates(video: VideoSource, more: Partial<LadderRequest> = {}): Record<string, number> {
  return Object.fromEntries(
    choose(video, more).video.flatMap((rendition) =>
      rendition.passthrough ? [] : [[rendition.id, Math.round(rendition.bitrate / 1000)]],
    ),
  );
}

t.test('bit rates are as configured at 30 frames per second', async (t) => {
  const rates = bitrates(HD);
  t.match(rates, { '720p': 2500, '360p': 700 });
  t.ok(Math.abs((rates['480p'] ?? 0) - 1200) < 10);
});

t.test('60 frames per second get half as much bit rate again', async (t) => {
  const rate = bitrates({ ...HD, frameRate: 60 })['720p'] ?? 0;
  t.ok(rate > 3600 && rate < 3850, `${rate}`);
});

t.test('no rendition has a higher bit rate than its source', async (t) => {
  t.strictSame(bitrates({ ...HD, width: 1280, height: 720, bitrate: 500_000 }), {
    '480p': 400,
    '360p': 400,
    '240p': Math.round(bitrates(HD)['240p'] ?? 0),
  });
  t.equal(bitrates({ ...HD, codec: 'hevc', bitrate: 3_000_000 })['1080p'], 3000);
});

t.test('a large source that is encoded gets a bit rate for its size', async (t) => {
  const rate = bitrates({ codec: 'hevc', width: 3840, height: 2160, frameRate: 30 })['2160p'] ?? 0;
  t.ok(rate > 10_000 && rate < 16_000, `${rate}`);
});

t.test(
  'a livestream with its own ladder gets its renditions, sizes, bit rates and frame rates',
  async (t) => {
    const ownRungs = [
      { height: 1080, bitrate: 5_000_000 },
      { height: 900, bitrate: 3_000_000, frameRate: 60 },
      { height: 360, bitrate: 600_000, frameRate: 25 },
      { height: 144, bitrate: 60_000, frameRate: 15 },
    ];
    const ladder = choose({ ...HD, frameRate: 59.94 }, { ownRungs });
    t.match(ladder.video, [
      { id: '1080p', passthrough: true },
      { id: '900p', size: { width: 1600, height: 900 }, bitrate: 3_000_000, frameStep: 1 },
      { id: '360p', size: { width: 640, height: 360 }, bitrate: 600_000, frameStep: 3, frameRate: 19.98 },
      { id: '144p', size: { width: 256, height: 144 }, bitrate: 60_000, frameStep: 4, frameRate: 14.985 },
    ]);
    t.equal(ladder.video.length, 4, 'not larger than the source');
    t.match(renditionsOf(ladder)[2], { id: '360p', frameRate: 19.98, frameStep: 3 });
    t.equal(bitrates({ ...HD, bitrate: 2_000_000 }, { ownRungs })['900p'], 1600, 'not more than the source');
    t.strictSame(short(HD, { ownRungs: [] }), ['1080p='], 'the source only');
    t.match(short({ ...HD, codec: 'av1' }, { ownRungs })[1], '900p 1600x900');
  },
);

t.test('frame rates above 60 are reduced for encoders and kept for passthrough', async (t) => {
  const ladder = choose({ ...HD, frameRate: 120 });
  t.equal(ladder.frameStep, 2);
  t.equal(ladder.video[0]?.frameRate, 120);
  t.equal(ladder.video[1]?.frameRate, 60);
  t.equal(choose({ ...HD, frameRate: 60 }).frameStep, 1);
  t.equal(choose({ ...HD, frameRate: 59.94 }).frameStep, 1);
});

t.test('keyframes follow the source with passthrough, and the clock otherwise', async (t) => {
  t.equal(choose(HD).keyframes, 'source');
  t.equal(choose({ ...HD, codec: 'hevc' }).keyframes, 'clock');
});

t.test('audio is stereo unless the source is mono', async (t) => {
  t.strictSame(choose(HD).audio, { id: 'audio', passthrough: false, bitrate: 128_000, channels: 2 });
  t.strictSame(choose(HD, { audio: { codec: 'aac', channels: 1 } }).audio, {
    id: 'audio',
    passthrough: false,
    bitrate: 64_000,
    channels: 1,
  });
  t.strictSame(choose(HD, { audio: { codec: 'aac', channels: 6 } }).audio, {
    id: 'audio',
    passthrough: false,
    bitrate: 128_000,
    channels: 2,
  });
  t.equal(choose(HD, { audio: undefined }).audio, undefined);
});

t.test('audio is copied beside copied video or alone, if it may be', async (t) => {
  const copied = (video: VideoSource | undefined, audioPassthrough: boolean) =>
    choose(video, { audioPassthrough }).audio?.passthrough;
  t.equal(copied(HD, true), true);
  t.equal(copied(undefined, true), true);
  t.equal(copied({ ...HD, codec: 'hevc' }, true), false, 'encoded video is later');
  t.equal(copied(HD, false), false);
});

t.test('the expected level of a rendition holds its pixels and bits per second', async (t) => {
  const level = (width: number, height: number, frameRate: number, bitrate = 1_000_000) => {
    const cost = width * height * frameRate;
    const video = {
      id: 'v',
      passthrough: false as const,
      size: { width, height },
      frameRate,
      bitrate,
      cost,
      frameStep: 1,
    };
    return renditionsOf({ ...choose(undefined), video: [video] })[0]?.expected?.codec;
  };
  t.equal(level(1280, 720, 30), 'avc1.64001f');
  t.equal(level(1280, 720, 60), 'avc1.640028');
  t.equal(level(1920, 1080, 30), 'avc1.640028');
  t.equal(level(1920, 1080, 60), 'avc1.64002a');
  t.equal(level(3840, 2160, 30), 'avc1.640033');
  t.equal(level(1280, 720, 30, 18_000_000), 'avc1.640028');
});

t.test('a ladder lists every rendition', async (t) => {
  t.strictSame(renditionsOf(choose({ ...HD, width: 640, height: 360 })), [
    { id: '360p', kind: 'video', passthrough: true, frameRate: 30 },
    {
      ...{ id: '240p', kind: 'video', passthrough: false, frameRate: 30 },
      expected: { kind: 'video', codec: 'avc1.64001f', width: 426, height: 240, bitrate: 384_549 },
    },
    {
      ...{ id: 'audio', kind: 'audio', passthrough: false },
      expected: { kind: 'audio', codec: 'mp4a.40.2', bitrate: 140_800, channels: 2 },
    },
  ]);
});
