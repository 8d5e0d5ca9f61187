import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import t from 'tap';
import type { FlvTag } from '../../../src/media/index.js';
import type { RecordingPublication } from '../../support/fakes/recording-publication.js';
import { type FileTag, readFlv } from '../../support/media/flv-file.js';
import * as odd from '../../support/media/odd-tags.js';
import { seededRandom } from '../../support/media/seeded-random.js';
import { feeding } from '../../support/publishers/rtmp-demuxer-fixture.js';

const STREAMS = 10_000;
const SEED = 20_261_129;
/** Every so many streams whose units were kept, one is decoded. */
const DECODED_EVERY = 250;
/** Growth of the heap between the first and the last streams, bytes. */
const MAXIMUM_GROWTH = 16 << 20;

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

const MEDIA = await Promise.all(
  ['-bf 0 -x264-params slices=2', '-bf 2', '-bf 3 -x264-params open-gop=1'].map((options) =>
    readFlv([
      ...['-f', 'lavfi', '-i', 'testsrc2=size=64x48:rate=25:duration=1'],
      ...['-f', 'lavfi', '-i', 'sine=sample_rate=44100:duration=1'],
      ...['-pix_fmt', 'yuv420p', '-c:v', 'libx264', '-preset', 'ultrafast', '-g', '8', ...options.split(' ')],
      ...['-c:a', 'aac', '-b:a', '32k'],
    ]),
  ),
);

type Random = (below: number) => number;

/** Changes how units and times are sent; every picture stays. */
function relabel(media: readonly FileTag[], random: Random): FileTag[] {
  const startsLate = random(3) === 0;
  let tags = startsLate ? odd.withSetsInBand(media) : [...media];
  const sets = odd.setsOf(media);
  // The first pictures decide whether tags are whole: one of the kinds for all of the stream.
  const isApart = random(2) === 0;
  tags = tags.flatMap((tag) => {
    if (!odd.isPicture(tag)) return [tag];
    const units = [...odd.unitsOf(tag)];
    if (random(3) === 0) units.unshift(odd.SEI);
    if (random(4) === 0) units.unshift(...sets);
    if (random(4) === 0) units.unshift(odd.DELIMITER);
    const parts = isApart ? units.map((unit) => odd.tagOf(tag, [unit])) : [odd.tagOf(tag, units)];
    return parts.map((part) => odd.labelled(part, random(2) === 0));
  });
  if (random(4) === 0) tags = odd.withCompositionShift(tags, -random(200));
  if (random(4) === 0) tags = odd.withAdts(tags);
  const baseMs = random(4) === 0 ? 2 ** 32 - random(1_000) : random(2 ** 31);
  return tags.map((tag) => ({ ...tag, timestamp: (tag.timestamp + baseMs) % 2 ** 32 }));
}

/** Cuts, reorders, repeats, joins and overwrites. */
function damage(tags: readonly FileTag[], random: Random): FileTag[] {
  const list = tags.map((tag) => ({ ...tag, body: Buffer.from(tag.body) }));
  for (let times = 1 + random(8); times > 0; times--) {
    const at = random(list.length);
    const tag = list[at]!;
    const kind = random(9);
    if (kind === 0) list.splice(at, 1);
    else if (kind === 1) list.splice(at, 0, list[random(list.length)]!);
    else if (kind === 2) list.push(...list.splice(at, 1 + random(5)));
    else if (kind === 3) tag.body = tag.body.subarray(0, random(tag.body.length + 1));
    else if (kind === 4) tag.body = Buffer.concat([tag.body, list[random(list.length)]!.body]);
    else if (kind === 5) tag.timestamp = random(2 ** 31) * 2;
    else if (kind === 6) tag.timestamp = Math.max(0, tag.timestamp - random(12_000));
    else if (tag.body.length > 0)
      tag.body[random(kind === 7 ? Math.min(16, tag.body.length) : tag.body.length)] = random(256);
    if (list.length === 0) break;
  }
  return list;
}

type Ingested = { publication: RecordingPublication; refusals: string[] };

function ingest(tags: readonly FileTag[]): Ingested {
  const { demuxer, publication, refusals } = feeding();
  for (const { kind, timestamp, body } of tags) {
    // The demuxer may write to the bodies.
    const own = Buffer.from(body);
    if (kind === 'video') demuxer.video(timestamp, own);
    else if (kind === 'audio') demuxer.audio(timestamp, own);
    else demuxer.data(own);
  }
  demuxer.close();
  return { publication, refusals };
}

/** Finds what must never be in a timeline. */
function faultOf(tags: readonly FlvTag[]): string | undefined {
  let video = -1;
  let audio = -1;
  const presented = new Set<number>();
  let hasPicture = false;
  for (const { kind, header, timestamp, keyframe, body } of tags) {
    if (kind === 'script' || header) continue;
    if (kind === 'audio') {
      if (timestamp < audio) return `audio at ${timestamp} after ${audio}`;
      audio = timestamp;
      continue;
    }
    if (!hasPicture && !keyframe) return 'a timeline begins without a keyframe';
    hasPicture = true;
    if (timestamp <= video) return `video at ${timestamp} after ${video}`;
    video = timestamp;
    const compositionTime = body.readIntBE(2, 3);
    if (compositionTime < 0) return `composition time ${compositionTime}`;
    if (presented.has(timestamp + compositionTime)) return `two pictures at ${timestamp + compositionTime}`;
    presented.add(timestamp + compositionTime);
  }
  return undefined;
}

async function decode(flv: Buffer): Promise<string> {
  const args = '-v error -xerror -f flv -i pipe:0 -map 0 -f null -'.split(' ');
  const child = spawn('ffmpeg', args, { stdio: ['pipe', 'ignore', 'pipe'] });
  let errors = '';
  child.stderr.on('data', (bytes: Buffer) => {
    errors += bytes.toString();
  });
  child.stdin.on('error', () => {});
  child.stdin.end(flv);
  const [code] = (await once(child, 'close')) as [number];
  return code === 0 ? errors : `ended with ${code}: ${errors}`;
}

function heapBytes(): number {
  collect();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

t.test(
  `${STREAMS} streams that are damaged or sent oddly become valid timelines in bounded memory`,
  { timeout: 120_000 },
  async (t) => {
    const generator = seededRandom(SEED);
    const random: Random = (below) => Math.floor(generator() * below);
    const faults: string[] = [];
    let early = 0;
    let decoded = 0;
    let damagedTags = 0;
    for (let stream = 0; stream < STREAMS; stream++) {
      const media = MEDIA[stream % MEDIA.length]!;
      const tags = relabel(media, random);
      const isDamaged = random(2) === 0;
      const { publication, refusals } = ingest(isDamaged ? damage(tags, random) : tags);
      for (const timeline of publication.timelines) {
        const fault = faultOf(timeline.tags);
        if (fault) faults.push(`stream ${stream}: ${fault}`);
        if (isDamaged) damagedTags += timeline.tags.length;
      }
      if (!isDamaged) {
        const pictures = publication.tags.filter(({ kind, header }) => kind === 'video' && !header).length;
        // The last picture may wait for more of its slices.
        const missing = media.filter(odd.isPicture).length - pictures;
        if (missing < 0 || missing > 1 || publication.timelines.length !== 1 || refusals.length > 0)
          faults.push(
            `stream ${stream}: ${missing} pictures are missing, ${publication.timelines.length} timelines`,
          );
        if (stream % DECODED_EVERY < 2) {
          const errors = await decode(publication.flv());
          if (errors) faults.push(`stream ${stream}: ${errors}`);
          decoded++;
        }
      }
      if (stream === STREAMS / 10) early = heapBytes();
    }
    t.strictSame(faults.slice(0, 5), []);
    t.ok(decoded > 20, `${decoded} were decoded`);
    t.ok(damagedTags > STREAMS * 20, `${damagedTags} tags of damaged streams came through`);
    const growth = heapBytes() - early;
    t.ok(growth < MAXIMUM_GROWTH, `the heap grew by ${growth >> 10} KiB`);
  },
);
