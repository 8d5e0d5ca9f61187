import t from 'tap';
import { checkLadder, type LadderRung } from '../../../src/streams/index.js';

const RUNG: LadderRung = { height: 720, bitrate: 2_500_000 };

t.test('a ladder that descends within the bounds is accepted', async (t) => {
  checkLadder([]);
  checkLadder([RUNG, { height: 360, bitrate: 700_000, frameRate: 30 }]);
  checkLadder([
    { height: 4320, bitrate: 100_000_000, frameRate: 60 },
    { height: 96, bitrate: 50_000, frameRate: 15 },
  ]);
  t.pass('accepted');
});

const REFUSED: [name: string, ladder: LadderRung[], message: RegExp][] = [
  [
    'more than six renditions',
    Array.from({ length: 7 }, (_, index) => ({ ...RUNG, height: 720 - index * 2 })),
    /at most 6/,
  ],
  ['an odd height', [{ ...RUNG, height: 721 }], /Rendition 1: the height/],
  ['a height that is no number', [{ ...RUNG, height: Number.NaN }], /Rendition 1: the height/],
  ['a huge height', [{ ...RUNG, height: 4322 }], /Rendition 1: the height/],
  ['an infinite bitrate', [{ ...RUNG, bitrate: Number.POSITIVE_INFINITY }], /Rendition 1: the bitrate/],
  ['a negative bitrate', [{ ...RUNG, bitrate: -1 }], /Rendition 1: the bitrate/],
  ['a fractional frame rate', [{ ...RUNG, frameRate: 29.97 }], /Rendition 1: the frame rate/],
  ['a frame rate above 60', [{ ...RUNG, frameRate: 61 }], /Rendition 1: the frame rate/],
  [
    'two equal heights',
    [RUNG, { ...RUNG, bitrate: 1_000_000 }],
    /Rendition 2: height and bitrate must be lower/,
  ],
  ['ascending heights', [{ height: 360, bitrate: 7e6 }, RUNG], /Rendition 2: height and bitrate/],
  ['ascending bitrates', [RUNG, { height: 360, bitrate: 3_000_000 }], /Rendition 2: height and bitrate/],
];

for (const [name, ladder, message] of REFUSED) {
  t.test(`a ladder with ${name} is refused`, async (t) => {
    t.throws(() => checkLadder(ladder), { status: 400, code: 'ladder_invalid', message });
  });
}
