import amf from 'node-media-server/src/protocol/amf.js';
import t from 'tap';
import type { RtmpDemuxer } from '../../../src/ingest/rtmp/rtmp-demuxer.js';
import { avcRecord, h264Sps, withLength } from '../../support/media/parameter-sets.js';
import {
  AAC_44100,
  AAC_48000,
  avcHeader,
  begun,
  feeding,
  INTER,
  KEY,
  pictureTag,
  SOUND,
} from '../../support/publishers/rtmp-demuxer-fixture.js';

/** An av1C whose sequence header announces 320x180. */
const AV1_CONFIGURATION = Buffer.from('810800000a071a3fc04fc02cc0', 'hex');
/** Coded frame with a frame OBU that begins a shown keyframe. */
const AV1_KEYFRAME = Buffer.concat([Buffer.from('\x91av01', 'latin1'), Buffer.from('320310aabb', 'hex')]);

t.test('a timeline begins with the first keyframe when both tracks are known', async (t) => {
  const { demuxer, publication, story, clock } = feeding('FMLE/3.0');
  const metadata = amf.encodeAmf0Data({ cmd: 'onMetaData', dataObj: { framerate: 30, encoder: 'OBS' } });
  demuxer.data(metadata);
  demuxer.audio(0, AAC_44100);
  demuxer.audio(900, SOUND);
  demuxer.video(0, avcHeader());
  demuxer.video(950, INTER);
  demuxer.audio(960, SOUND);
  t.equal(publication.timelines.length, 0, 'nothing can be decoded yet');
  await clock.advance(200);
  demuxer.video(1_000, KEY);
  demuxer.audio(990, SOUND);
  demuxer.audio(1_013, SOUND);
  demuxer.video(1_033, INTER);
  t.same(story(), ['script 0', 'video 0 header', 'audio 0 header', 'video 0 key', 'audio 13', 'video 33']);
  t.match(publication.timelines[0], { startedAt: clock.now(), has: { audio: true, video: true } });
  t.same(publication.tags[0]?.body, metadata);
  t.match(publication.descriptions[0], {
    encoder: 'OBS',
    video: { codec: 'h264', width: 320, height: 180, frameRate: 30 },
    audio: { codec: 'aac', sampleRate: 44_100, channels: 2 },
  });
});

t.test('a stream without audio starts 300 ms after its first keyframe', async (t) => {
  const { demuxer, publication, clock, story } = feeding();
  demuxer.video(0, avcHeader());
  demuxer.video(0, KEY);
  const startedAt = clock.now();
  await clock.advance(299);
  demuxer.video(266, INTER);
  t.equal(publication.timelines.length, 0);
  await clock.advance(1);
  t.match(publication.timelines, [{ startedAt, has: { audio: false, video: true } }]);
  t.same(story(), ['video 0 header', 'video 0 key', 'video 266']);
  t.notOk(publication.descriptions[0]?.audio);
});

t.test('a stream of audio alone starts 500 ms after its first message', async (t) => {
  const { demuxer, publication, clock, story } = feeding();
  demuxer.audio(70, AAC_44100);
  demuxer.audio(70, SOUND);
  demuxer.audio(93, SOUND);
  await clock.advance(499);
  t.equal(publication.timelines.length, 0);
  await clock.advance(1);
  t.match(publication.timelines, [{ has: { audio: true, video: false } }]);
  t.same(story(), ['audio 0 header', 'audio 0', 'audio 23']);
});

t.test('media faster than real time is held for its duration at most', async (t) => {
  const { demuxer, publication } = feeding();
  demuxer.video(0, avcHeader());
  for (const time of [0, 100, 200]) demuxer.video(time, time === 0 ? KEY : INTER);
  t.equal(publication.timelines.length, 0);
  demuxer.video(300, INTER);
  t.match(publication.timelines, [{ has: { audio: false, video: true } }]);
  t.equal(publication.tags.length, 5);
});

t.test('held bytes are bounded', async (t) => {
  const { demuxer, publication } = feeding();
  demuxer.video(0, avcHeader());
  for (let frame = 0; frame < 10; frame++) demuxer.video(frame, pictureTag(true, { paddingBytes: 1 << 20 }));
  t.match(publication.timelines, [{ has: { audio: false, video: true } }], 'it began without waiting longer');
  t.equal(publication.tags.filter((tag) => tag.keyframe).length, 10);
});

t.test('a late track is added at the next keyframe without a gap', async (t) => {
  const { demuxer, publication, clock, story } = feeding();
  demuxer.video(0, avcHeader());
  demuxer.video(0, KEY);
  await clock.advance(300);
  demuxer.audio(400, AAC_44100);
  demuxer.audio(400, SOUND);
  demuxer.video(400, INTER);
  demuxer.video(2_000, KEY);
  demuxer.audio(2_010, SOUND);
  t.same(story(0), ['video 0 header', 'video 0 key', 'video 400']);
  t.match(publication.timelines[1], { startedAt: clock.now(), has: { audio: true, video: true } });
  t.same(story(1), ['video 0 header', 'audio 0 header', 'video 0 key', 'audio 10']);
});

t.test('video added to audio alone begins a timeline with its keyframe', async (t) => {
  const { demuxer, publication, clock, story } = feeding();
  demuxer.audio(0, AAC_44100);
  demuxer.audio(0, SOUND);
  await clock.advance(500);
  demuxer.video(600, avcHeader());
  demuxer.audio(610, SOUND);
  demuxer.video(620, KEY);
  demuxer.audio(630, SOUND);
  t.match(publication.timelines, [{ has: { video: false } }, { has: { audio: true, video: true } }]);
  t.same(story(1), ['video 0 header', 'audio 0 header', 'video 0 key', 'audio 10']);
});

t.test('a repeated configuration keeps the timeline', async (t) => {
  const { demuxer, publication } = begun();
  demuxer.video(5_100, avcHeader());
  demuxer.audio(5_100, AAC_44100);
  demuxer.video(5_133, INTER);
  t.equal(publication.timelines.length, 1);
  t.equal(publication.tags.filter(({ header }) => header).length, 2, 'and is not passed on');
});

t.test('a changed video configuration begins a timeline at its keyframe', async (t) => {
  const { demuxer, publication, story } = begun();
  demuxer.video(6_000, avcHeader(0x1f));
  demuxer.video(6_000, INTER);
  demuxer.audio(6_010, SOUND);
  demuxer.video(6_033, KEY);
  demuxer.audio(6_040, SOUND);
  t.equal(publication.timelines.length, 2);
  t.same(story(1), ['video 0 header', 'audio 0 header', 'video 0 key', 'audio 7']);
  t.same(publication.timelines[1]?.tags[0]?.body, avcHeader(0x1f));
});

t.test('a changed audio configuration begins a timeline at the next keyframe', async (t) => {
  const { demuxer, publication, story } = begun();
  demuxer.audio(6_000, AAC_48000);
  demuxer.audio(5_900, SOUND);
  demuxer.video(5_933, INTER);
  demuxer.video(7_000, KEY);
  demuxer.audio(7_010, SOUND);
  t.same(story(0).at(-1), 'video 933', 'the picture goes on, the sound that cannot be decoded does not');
  t.same(story(1), ['video 0 header', 'audio 0 header', 'video 0 key', 'audio 10']);
  t.match(publication.descriptions.at(-1), { audio: { sampleRate: 48_000 } });
});

t.test('a changed audio configuration without video begins a timeline at once', async (t) => {
  const { demuxer, clock, story } = feeding();
  demuxer.audio(0, AAC_44100);
  demuxer.audio(0, SOUND);
  await clock.advance(500);
  demuxer.audio(1_000, AAC_48000);
  demuxer.audio(1_000, SOUND);
  t.same(story(1), ['audio 0 header', 'audio 0']);
});

t.test('a timestamp jump begins a timeline at the next keyframe', async (t) => {
  for (const to of [0, 20_000, 0x9000_0000]) {
    const { demuxer, publication, story } = begun();
    demuxer.video(to, INTER);
    demuxer.audio(to, SOUND);
    demuxer.video(to + 33, KEY);
    demuxer.audio(to + 40, SOUND);
    t.equal(publication.timelines.length, 2, `to ${to}`);
    t.same(story(1), ['video 0 header', 'audio 0 header', 'video 0 key', 'audio 7']);
  }
});

t.test('timestamps that wrap after 32 bits continue the timeline', async (t) => {
  const { demuxer, publication, story } = begun(0xffff_fff0);
  demuxer.video(0x11, INTER);
  t.equal(publication.timelines.length, 1);
  t.equal(story().at(-1), 'video 33');
});

t.test('a timeline of 24.8 days is replaced at a keyframe without loss', async (t) => {
  const { demuxer, publication, story } = begun(0);
  const end = 2 ** 31 - 3_600_000;
  let time = 0;
  let sent = 1;
  for (; time < end; sent++) demuxer.video((time += 9_900), INTER);
  demuxer.audio(time, SOUND);
  t.equal(publication.timelines.length, 1, 'not before a keyframe');
  demuxer.video(time + 33, KEY);
  demuxer.audio(time + 40, SOUND);
  t.equal(publication.timelines.length, 2);
  t.equal(
    publication.timelines[0]?.tags.filter(({ kind, header }) => kind === 'video' && !header).length,
    sent,
  );
  t.same(story(1), ['video 0 header', 'audio 0 header', 'video 0 key', 'audio 7']);
});

t.test('tracks with different clocks are refused after the maximum of restarts', async (t) => {
  const { demuxer, publication, refusals, clock } = begun();
  for (let second = 1; second < 30 && refusals.length === 0; second++) {
    demuxer.video(5_000 + second * 1_000, KEY);
    demuxer.audio(900_000 + second * 1_000, SOUND);
    await clock.advance(1_000);
  }
  t.match(refusals, [/one steady clock/]);
  t.ok(publication.timelines.length <= 12, `${publication.timelines.length} timelines`);
  const { length } = publication.tags;
  demuxer.video(90_000, KEY);
  t.equal(publication.tags.length, length, 'nothing is written after a refusal');
});

t.test('a jump after video has stopped begins a timeline of audio alone', async (t) => {
  const { demuxer, publication, clock, story } = begun();
  demuxer.audio(100_000, SOUND);
  for (let i = 0; i < 7; i++) {
    await clock.advance(1_000);
    demuxer.audio(101_000 + i * 1_000, SOUND);
  }
  t.match(publication.timelines[1], { has: { audio: true, video: false } });
  t.ok(story(1).length >= 3);
});

t.test('audio that has stopped is left out of a new timeline', async (t) => {
  const { demuxer, publication, clock } = begun();
  await clock.advance(3_000);
  demuxer.video(50_000, KEY);
  demuxer.video(50_033, INTER);
  await clock.advance(300);
  t.match(publication.timelines[1], { has: { audio: false, video: true } });
});

t.test('a stream without keyframes is refused', async (t) => {
  const { demuxer, refusals, clock } = feeding();
  demuxer.video(0, avcHeader());
  for (let second = 0; second < 32; second++) {
    demuxer.video(second * 1_000, INTER);
    await clock.advance(1_000);
  }
  t.match(refusals, [/keyframe interval of 2 seconds/]);
});

t.test('unsupported codecs are refused with the codec to choose instead', async (t) => {
  const cases: [(demuxer: RtmpDemuxer) => void, RegExp][] = [
    [(demuxer) => demuxer.video(0, Buffer.from('\x90vvc1rest', 'latin1')), /vvc1": choose H\.264/],
    [(demuxer) => demuxer.video(0, Buffer.from([0x14, 0])), /VP6: choose H\.264/],
    [(demuxer) => demuxer.audio(0, Buffer.from([0xb2, 0])), /Speex over RTMP: choose AAC/],
    [
      (demuxer) => demuxer.audio(0, Buffer.from('\x90dtscrest', 'latin1')),
      /audio "dtsc" over RTMP: choose AAC/,
    ],
  ];
  for (const [send, expected] of cases) {
    const { demuxer, refusals, publication } = feeding();
    send(demuxer);
    t.match(refusals, [expected]);
    t.equal(publication.timelines.length, 0);
  }
});

t.test('supported enhanced RTMP is passed on unchanged', async (t) => {
  const { demuxer, publication, clock, story } = feeding();
  const header = Buffer.concat([Buffer.from('\x90av01', 'latin1'), AV1_CONFIGURATION]);
  demuxer.data(
    amf.encodeAmf0Data({ cmd: 'onMetaData', dataObj: { width: 320, height: 180, framerate: 25 } }),
  );
  demuxer.video(0, header);
  demuxer.video(0, AV1_KEYFRAME);
  await clock.advance(300);
  t.same(story(), ['script 0', 'video 0 header', 'video 0 key']);
  t.same(publication.tags[1]?.body, header);
  t.match(publication.descriptions[0]?.video, { codec: 'av1', width: 320, height: 180, frameRate: 25 });
});

t.test('the frame size of the bitstream overrides metadata that contradict it', async (t) => {
  for (const [dataObj, expected] of [
    [
      { width: 7680, height: 4320 },
      { width: 320, height: 180 },
    ],
    [
      { width: 200, height: 100 },
      { width: 320, height: 180 },
    ],
    [
      { width: 318, height: 178 },
      { width: 318, height: 178 },
    ],
    [{ framerate: 25 }, { width: 320, height: 180 }],
  ] as const) {
    const { demuxer, publication, clock } = feeding();
    demuxer.data(amf.encodeAmf0Data({ cmd: 'onMetaData', dataObj }));
    demuxer.video(0, Buffer.concat([Buffer.from('\x90av01', 'latin1'), AV1_CONFIGURATION]));
    demuxer.video(0, AV1_KEYFRAME);
    await clock.advance(300);
    t.match(publication.descriptions[0]?.video, { codec: 'av1', ...expected });
  }
});

t.test('properties are published when measured, and bit rates every 3 s', async (t) => {
  const { demuxer, publication } = begun(0);
  t.match(publication.descriptions, [{ video: { bFrames: false } }], 'the profile has no B slices');
  const before = publication.descriptions.length;
  demuxer.video(33, pictureTag(false, { compositionTime: 67 }));
  t.match(publication.descriptions.slice(before), [{ video: { bFrames: true } }]);
  for (let frame = 2; frame < 300; frame++) {
    demuxer.video(Math.round((frame * 1_000) / 30), frame % 60 === 0 ? KEY : INTER);
  }
  const told = publication.descriptions.slice(before + 1);
  t.ok(told.length >= 3 && told.length <= 8, `${told.length} descriptions in 10 s`);
  t.match(told.at(-1), { video: { keyframeInterval: 2, frameRate: 30, bitrate: Number } });
});

t.test('a measured frame rate replaces an announced one that differs by more than 20 %', async (t) => {
  const { demuxer, publication } = begun(0);
  for (let frame = 1; frame < 120; frame++) demuxer.video(frame * 66, frame % 30 === 0 ? KEY : INTER);
  const { frameRate = 0 } = publication.descriptions.at(-1)?.video ?? {};
  t.ok(Math.abs(frameRate - 15.15) < 0.3, `${frameRate}`);
});

t.test('malformed and empty tags are ignored', async (t) => {
  const { demuxer, publication, refusals } = begun();
  const { length } = publication.tags;
  for (const body of [
    Buffer.alloc(0),
    Buffer.from([0x17]),
    Buffer.from([0x17, 1, 0, 0, 0]),
    Buffer.from([0x57, 0]),
  ]) {
    demuxer.video(5_020, body);
  }
  for (const body of [Buffer.alloc(0), Buffer.from([0xaf]), Buffer.from([0xaf, 1])])
    demuxer.audio(5_020, body);
  t.equal(publication.tags.length, length);
  t.same(refusals, []);
});

t.test('a closed demuxer holds no timer', async (t) => {
  const { demuxer, clock, publication } = feeding();
  demuxer.video(0, avcHeader());
  demuxer.video(0, KEY);
  t.equal(clock.pending, 1);
  demuxer.close();
  t.equal(clock.pending, 0);
  await clock.advance(1_000);
  t.equal(publication.timelines.length, 0);
});

t.test('a frame size above the limit is refused, in the configuration and in a frame', async (t) => {
  const tag = (type: number, data: Buffer): Buffer =>
    Buffer.concat([Buffer.from([0x17, type, 0, 0, 0]), data]);
  const sentence = [
    /^The video has 8192x8192 pixels, more than this server takes .*smaller output resolution/,
  ];
  const announced = feeding();
  announced.demuxer.video(0, tag(0, avcRecord(h264Sps(8192, 8192))));
  t.match(announced.refusals, sentence);

  const later = begun();
  later.demuxer.video(5_033, tag(1, withLength(h264Sps(1920, 1088, [0, 8]))));
  t.strictSame(later.refusals, []);
  const count = later.publication.tags.length;
  later.demuxer.video(5_066, tag(1, Buffer.concat([withLength(h264Sps(8192, 8192)), KEY.subarray(5)])));
  t.match(later.refusals, sentence);
  t.equal(later.publication.tags.length, count, 'the frame goes no further');
});
