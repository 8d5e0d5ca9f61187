import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import t from 'tap';
import { parseTrackInit } from '../../../src/media/index.js';
import { box } from '../../support/media/boxes.js';

const run = promisify(execFile);

/** Builds an initialization section with a given sample entry. */
function init(handler: 'vide' | 'soun', entry: Buffer): Buffer {
  const hdlr = box('hdlr', Buffer.alloc(8), Buffer.from(handler), Buffer.alloc(13));
  const stsd = box('stsd', Buffer.from([0, 0, 0, 0, 0, 0, 0, 1]), entry);
  const mdhd = Buffer.alloc(24);
  mdhd.writeUInt32BE(1000, 12);
  const mdia = box('mdia', box('mdhd', mdhd), hdlr, box('minf', box('stbl', stsd)));
  const tkhd = Buffer.alloc(84);
  tkhd.writeUInt32BE(1, 12);
  const trak = box('trak', box('tkhd', tkhd), mdia);
  return Buffer.concat([
    box('ftyp', Buffer.from('cmfc')),
    box('moov', trak, box('mvex', box('trex', Buffer.alloc(24)))),
  ]);
}
const video = (type: string, config: Buffer): Buffer => init('vide', box(type, Buffer.alloc(78), config));
const audio = (type: string, config: Buffer): Buffer => init('soun', box(type, Buffer.alloc(28), config));

t.test("sample entries yield the codec strings of RFC 6381 and the codecs' bindings", async (t) => {
  const bytes = (...values: number[]): Buffer => Buffer.from(values);
  t.equal(parseTrackInit(video('avc1', box('avcC', bytes(1, 0x64, 0, 0x1f)))).codec, 'avc1.64001f');
  const hvcC = bytes(1, 1, 0x60, 0, 0, 0, 0x90, 0, 0, 0, 0, 0, 93);
  t.equal(parseTrackInit(video('hvc1', box('hvcC', hvcC))).codec, 'hvc1.1.6.L93.90');
  const main10 = bytes(1, 2, 0x20, 0, 0, 0, 0xb0, 0, 0, 0, 0, 0, 120);
  t.equal(parseTrackInit(video('hev1', box('hvcC', main10))).codec, 'hev1.2.4.L120.B0');
  t.equal(parseTrackInit(video('av01', box('av1C', bytes(0x81, 5, 0x0c, 0)))).codec, 'av01.0.05M.08');
  t.equal(parseTrackInit(video('av01', box('av1C', bytes(0x81, 0x28, 0xcc, 0)))).codec, 'av01.1.08H.10');
  t.equal(parseTrackInit(video('vp09', box('vpcC', bytes(1, 0, 0, 0, 0, 31, 0x80)))).codec, 'vp09.00.31.08');
  t.equal(parseTrackInit(audio('Opus', box('dOps', bytes(0)))).codec, 'opus');
  const esds = (audioObject: number): Buffer =>
    box(
      'esds',
      bytes(0, 0, 0, 0, 3, 25, 0, 0, 0, 4, 17, 0x40, ...new Array(12).fill(0), 5, 2, audioObject << 3, 0),
    );
  t.equal(parseTrackInit(audio('mp4a', esds(2))).codec, 'mp4a.40.2');
  t.equal(parseTrackInit(audio('mp4a', esds(5))).codec, 'mp4a.40.5');
});

t.test('unknown codecs and invalid initialization sections throw with their name', async (t) => {
  t.throws(() => parseTrackInit(video('mjpg', Buffer.alloc(0))), {
    code: 'cmaf_init_invalid',
    message: /mjpg/,
  });
  t.throws(() => parseTrackInit(video('avc1', Buffer.alloc(0))), { code: 'cmaf_init_invalid' });
  t.throws(() => parseTrackInit(box('moov', Buffer.alloc(0))), {
    code: 'cmaf_init_invalid',
    message: /0 tracks/,
  });
});

t.test('HEVC by x265 yields the codec string of its stream', async (t) => {
  const file = path.join(t.testdir({}), 'hevc.mp4');
  const encoders = await run('ffmpeg', ['-v', 'error', '-encoders']);
  if (!encoders.stdout.includes('libx265')) {
    t.comment('skipped: this ffmpeg cannot make HEVC');
    return;
  }
  await run('ffmpeg', [
    ...['-v', 'error', '-f', 'lavfi', '-i', 'testsrc2=size=320x180:rate=10:duration=0.5', '-c:v', 'libx265'],
    ...['-preset', 'ultrafast', '-x265-params', 'log-level=none:level-idc=31', '-pix_fmt', 'yuv420p'],
    ...['-tag:v', 'hvc1', '-movflags', '+cmaf', file],
  ]);
  const bytes = await readFile(file);
  const moov = bytes.indexOf('moov') - 4;
  const section = bytes.subarray(0, moov + bytes.readUInt32BE(moov));
  t.match(parseTrackInit(section).codec, /^hvc1\.1\.6\.[LH]93(\.[0-9A-F]{1,2})+$/);
});
