import t from 'tap';
import { joinParts, selectSegments } from '../../../src/recordings/clips/clip-selection.js';
import { fragmentsOf } from '../../../src/recordings/clips/clip-writer.js';
import type { RecordedSegment, RecordingFile } from '../../../src/recordings/recording.js';
import type { IndexedFile } from '../../../src/recordings/replay/replay-timeline.js';

const ORIGIN_MS = Date.UTC(2026, 0, 1);

/** File with segments of 2 s. @param startsS their dates, by number */
function fileOf(rendition: string, run: number, startsS: Record<number, number>): IndexedFile {
  const isAudio = rendition === 'audio';
  const file: RecordingFile = {
    ...{
      number: 0,
      rendition,
      kind: isAudio ? 'audio' : 'video',
      run,
      codec: '',
      initBytes: 700,
      msnOffset: 0,
    },
    ...{ width: isAudio ? null : 1, height: isAudio ? null : Number.parseInt(rendition, 10), frameRate: 30 },
    channels: isAudio ? 2 : null,
  };
  const segments = Object.entries(startsS).map(([msn, startS]): [number, RecordedSegment] => [
    Number(msn),
    {
      ...{ fileNumber: 0, msn: Number(msn), byteOffset: 0, byteLength: 1, fragments: 1, durationS: 2 },
      ...{ decodeTimeS: startS, programDateTimeMs: ORIGIN_MS + startS * 1_000 },
    },
  ]);
  return { file, segments: new Map(segments) };
}

/** Returns the selected numbers by run, with the renditions. */
function selected(files: readonly IndexedFile[], startS: number, endS: number): unknown {
  const { runs, isCovered } = selectSegments(files, ORIGIN_MS + startS * 1_000, ORIGIN_MS + endS * 1_000);
  const shown = runs.map(({ files: chosen, msns }) => [
    msns,
    chosen.map(({ file, segments }) => `${file.rendition}:${[...segments.keys()]}`),
  ]);
  return { shown, isCovered };
}

const FIRST = { 0: 0, 1: 2, 2: 4, 3: 6 };
/** A reconnect of ten seconds. */
const SECOND = { 4: 18, 5: 20, 6: 22 };
const FILES = [
  fileOf('360p', 0, FIRST),
  fileOf('720p', 0, FIRST),
  fileOf('audio', 0, FIRST),
  fileOf('360p', 1, SECOND),
  fileOf('audio', 1, SECOND),
];

t.test('a clip has the segments that overlap its time, of the tallest video and its audio', async (t) => {
  t.strictSame(selected(FILES, 3, 6), {
    shown: [
      [
        [1, 2],
        ['720p:1,2', 'audio:1,2'],
      ],
    ],
    isCovered: true,
  });
  t.strictSame(
    selected(FILES, 2.0005, 5.9995),
    {
      shown: [
        [
          [1, 2],
          ['720p:1,2', 'audio:1,2'],
        ],
      ],
      isCovered: true,
    },
    'errors of rounding select no further segment',
  );
});

t.test(
  'a clip over a reconnect has both runs; a time at which nothing was broadcast has no segments',
  async (t) => {
    const both = [
      [[3], ['720p:3', 'audio:3']],
      [[4], ['360p:4', 'audio:4']],
    ];
    t.strictSame(selected(FILES, 7, 19), { shown: both, isCovered: true });
    t.strictSame(selected(FILES, 6, 12), { shown: [both[0]], isCovered: true }, 'the end is in the gap');
    t.strictSame(selected(FILES, 12, 20), { shown: [both[1]], isCovered: true }, 'the start is in the gap');
    t.strictSame(selected(FILES, 10, 16), { shown: [], isCovered: true });
  },
);

t.test('media that are still to come are told from those that are gone', async (t) => {
  t.strictSame(selected(FILES, 21, 26), {
    shown: [
      [
        [5, 6],
        ['360p:5,6', 'audio:5,6'],
      ],
    ],
    isCovered: false,
  });
  t.strictSame(selected(FILES, 30, 40), { shown: [], isCovered: false });
  t.strictSame(selected([], 0, 10), { shown: [], isCovered: false });
});

t.test('the parts of a rewind window are one file of their run', async (t) => {
  const parts = joinParts([
    fileOf('720p', 0, { 0: 0, 1: 2 }),
    fileOf('720p', 0, { 2: 4, 3: 6 }),
    fileOf('audio', 0, FIRST),
  ]);
  t.strictSame(selected(parts, 1, 7), {
    shown: [
      [
        [0, 1, 2, 3],
        ['720p:0,1,2,3', 'audio:0,1,2,3'],
      ],
    ],
    isCovered: true,
  });
});

t.test('a segment is divided into its fragments; other bytes are refused', async (t) => {
  const box = (type: string, length: number): Buffer => {
    const bytes = Buffer.alloc(length);
    bytes.writeUInt32BE(length);
    bytes.write(type, 4, 'latin1');
    return bytes;
  };
  const fragment = Buffer.concat([box('moof', 20), box('mdat', 30)]);
  t.strictSame(fragmentsOf(Buffer.concat([fragment, fragment])), [fragment, fragment]);
  for (const bytes of [
    Buffer.alloc(0),
    Buffer.alloc(64),
    fragment.subarray(0, 49),
    box('mdat', 30),
    Buffer.concat([fragment, Buffer.from([0, 0, 0, 1])]),
  ])
    t.throws(() => fragmentsOf(bytes), { code: 'recording_damaged' });
});
