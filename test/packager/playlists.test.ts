import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { parse, setOptions, type types } from 'hls-parser';
import { createFile, type MP4BoxBuffer } from 'mp4box';
import t from 'tap';
import { PackagedBroadcast } from '../support/gateway/packaged-broadcast.js';
import { makeLadder } from '../support/media/cmaf-ladder.js';
import { unknownTags } from '../support/media/playlist-tags.js';
import { readPart } from '../support/media/published-media.js';

setOptions({ strictMode: true });
const run = promisify(execFile);
const folder = t.testdir({});
const ladder = await makeLadder({ folder, durationS: 24, rungs: [180, 120] });
const IDS = ladder.renditions.map(({ id }) => id);

/** One simulated broadcast, looked at from all sides. */
const broadcast = new PackagedBroadcast({ keyframeInterval: 2.002, windowDurationS: 30 });
let playableAt = 0;
let parsed = 0;
const refused = new Map<string, string>();
const lies: string[] = [];
const hinted = new Map<string, { msn: number; part: number }>();
const targets = new Set<string>();

function look(text: string, id: string): void {
  try {
    parse(text);
    for (const tag of unknownTags(text)) refused.set(`unknown ${tag}`, text);
    parsed++;
  } catch (error) {
    refused.set(String(error), text);
  }
  targets.add(/TARGETDURATION:\d+/.exec(text)?.[0] ?? 'none');
  targets.add(`${id} ${/PART-TARGET=[\d.]+/.exec(text)?.[0]}`);
}

/** The hint of the playlist before must be what came, or still be the hint. */
function checkHint(id: string, text: string): void {
  const before = hinted.get(id);
  const now = /PRELOAD-HINT:TYPE=PART,URI="p(\d+)\.(\d+)\.m4s"/.exec(text);
  if (!now) {
    lies.push(`${id} has no hint`);
    return;
  }
  if (before && !(Number(now[1]) === before.msn && Number(now[2]) === before.part)) {
    if (!text.includes(`"p${before.msn}.${before.part}.m4s"`))
      lies.push(`${id} ${before.msn}.${before.part}`);
  }
  hinted.set(id, { msn: Number(now[1]), part: Number(now[2]) });
}

const start = ladder.chunks.find(({ timeS }) => timeS > 0)?.timeS ?? 0;
let count = 0;
await broadcast.writeChunks(broadcast.startRun(0, ladder.renditions), ladder.chunks, ({ timeS }) => {
  if (broadcast.playableCalls > 0) playableAt ||= timeS - start;
  if (count++ % 3 !== 0) return;
  for (const id of IDS) {
    if (!broadcast.packager.findPresentation('stream-1')?.rendition(id)?.playlist(false)) continue;
    const text = broadcast.playlist(id);
    look(text, id);
    look(broadcast.playlist(id, true), id);
    checkHint(id, text);
  }
});
const feed = (id: string) => broadcast.packager.findPresentation('stream-1')!.rendition(id)!;
const media = (id: string) => parse(broadcast.playlist(id)) as types.MediaPlaylist;

t.test('every playlist and delta update of a broadcast passes a strict parser', async (t) => {
  t.same([...refused], []);
  t.ok(parsed > 3000, `${parsed} playlists`);
});

t.test('a broadcast is playable when one segment is complete', async (t) => {
  t.equal(broadcast.playableCalls, 1);
  t.ok(playableAt > 2 && playableAt < 2.2, `${playableAt} s after the first sample`);
});

t.test('preload hints name only parts that appear', async (t) => {
  t.same(lies, []);
});

t.test('target durations never change', async (t) => {
  t.equal(targets.size, 1 + IDS.length, [...targets].join(', '));
});

t.test('all renditions have the same segments and the same number of parts in each', async (t) => {
  for (const id of IDS) {
    const counts: number[] = [];
    for (let msn = 0; msn < 11; msn++) {
      let parts = 0;
      while (Buffer.isBuffer(feed(id).part(msn, parts))) parts++;
      counts.push(parts);
    }
    t.same(counts, new Array(11).fill(6), id);
    t.ok(broadcast.playlist(id).includes('\ns10.m4s\n'), `${id} has come as far as the others`);
  }
});

t.test('segments are declared independent, and so is the first part of each video segment', async (t) => {
  const segmentsTag = /^#EXT-X-INDEPENDENT-SEGMENTS$/m;
  const multivariant = broadcast.multivariant() ?? '';
  t.same(unknownTags(multivariant), []);
  t.match(multivariant, segmentsTag);
  for (const id of IDS) {
    const text = broadcast.playlist(id);
    t.match(text, segmentsTag, id);
    const isAudio = id === 'audio';
    for (const [, msn, part, independent] of text.matchAll(
      /^#EXT-X-PART:.*"p(\d+)\.(\d+)\.m4s"(,INDEPENDENT=YES)?$/gm,
    ))
      t.equal(independent !== undefined, isAudio || part === '0', `${id} ${msn}.${part}`);
  }
});

t.test('parts last 85 to 100 % of PART-TARGET', async (t) => {
  for (const id of IDS) {
    const { partTargetDuration = 0, segments } = media(id);
    for (const { parts, uri } of segments) {
      const real = parts.filter(({ hint }) => !hint);
      for (const [index, { duration = 0 }] of real.entries()) {
        t.ok(duration <= partTargetDuration, `${id} ${duration} <= ${partTargetDuration}`);
        const last = uri !== undefined && index === real.length - 1;
        if (!last) t.ok(duration >= 0.85 * partTargetDuration, `${id} ${duration}`);
      }
    }
  }
});

t.test('parts are contiguous on a timeline that follows the wall clock', async (t) => {
  const starts: number[] = [];
  for (const id of IDS) {
    const init = feed(id).init(0)!;
    let end: number | undefined;
    let wrong = 0;
    let parts = 0;
    for (let msn = 0; msn < 11; msn++) {
      for (let index = 0; ; index++) {
        const bytes = feed(id).part(msn, index);
        if (!Buffer.isBuffer(bytes)) break;
        const part = readPart(init, bytes);
        // 10 s stand for the start of the broadcast; the first sample arrived in that moment.
        if (end === undefined) starts.push(part.start);
        else if (part.startTicks !== end) wrong++;
        end = part.endTicks;
        parts++;
      }
    }
    t.equal(wrong, 0, id);
    t.ok(parts >= 60, `${parts} parts of ${id}`);
  }
  t.ok(Math.max(...starts) - Math.min(...starts) < 0.022, `audio and video start together: ${starts}`);
  t.ok(Math.abs(starts[0]! - 10.067) < 0.05, `media time ${starts[0]} at the start`);
  const [first] = media('source').segments;
  const dated = (first!.programDateTime!.getTime() - broadcast.startedAt) / 1000 + 10;
  const whole = readPart(
    feed('source').init(0)!,
    feed('source').part(first!.mediaSequenceNumber, 0) as Buffer,
  );
  t.ok(Math.abs(dated - whole.start) < 0.002, 'PROGRAM-DATE-TIME says the same as the media time');
});

t.test('every segment is valid for mp4box and ffprobe', async (t) => {
  for (const id of ['source', '180p', 'audio']) {
    const segments = media(id).segments.filter(({ uri }) => uri?.startsWith('s'));
    const bytes = Buffer.concat([
      feed(id).init(0)!,
      ...segments.map(({ mediaSequenceNumber }) => feed(id).segment(mediaSequenceNumber)!),
    ]);
    const file = createFile();
    const errors: unknown[] = [];
    file.onError = (...args: unknown[]) => errors.push(args);
    const buffer = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length) as MP4BoxBuffer;
    buffer.fileStart = 0;
    file.appendBuffer(buffer);
    file.flush();
    t.same(errors, []);
    const samples = file.getTrackSamplesInfo(file.getInfo().tracks[0]!.id);
    const name = path.join(folder, `${id}-all.mp4`);
    await writeFile(name, bytes);
    const probe = await run('ffprobe', [
      ...['-v', 'warning', '-count_frames', '-show_entries', 'stream=nb_read_frames', '-of', 'csv=p=0', name],
    ]);
    t.equal(probe.stderr, '', 'ffprobe has nothing to say');
    t.equal(Number(probe.stdout.trim().split('\n')[0]), samples.length, id);
    if (id !== 'audio') t.equal(samples.length, segments.length * 60);
    if (id !== 'audio') t.equal(samples.filter(({ is_sync }) => is_sync).length, segments.length);
  }
});

t.test('a segment has the bytes of its parts and stores them once', async (t) => {
  const { mediaSequenceNumber } = media('source').segments.at(-3)!;
  const parts = Array.from({ length: 6 }, (_, index) => feed('source').part(mediaSequenceNumber, index));
  const whole = feed('source').segment(mediaSequenceNumber)!;
  t.ok(whole.equals(Buffer.concat(parts as Buffer[])));
  const again = feed('source').part(mediaSequenceNumber, 2) as Buffer;
  t.ok(again.equals(parts[2] as Buffer));
  t.equal(again.buffer, whole.buffer);
});

t.test('a delta update skips segments before the skip boundary and counts them', async (t) => {
  const whole = broadcast.playlist('source');
  const update = broadcast.playlist('source', true);
  const skipped = Number(/SKIPPED-SEGMENTS=(\d+)/.exec(update)?.[1]);
  const names = (text: string) => text.match(/^s\d+\.m4s$/gm) ?? [];
  t.ok(skipped > 0);
  t.same(names(update), names(whole).slice(skipped));
  t.equal(/MEDIA-SEQUENCE:\d+/.exec(update)?.[0], /MEDIA-SEQUENCE:\d+/.exec(whole)?.[0]);
  const durations = [...whole.matchAll(/#EXTINF:([\d.]+)/g)].map((match) => Number(match[1]));
  const open = media('source')
    .segments.filter(({ uri }) => !uri)
    .flatMap(({ parts }) => parts)
    .reduce((sum, { duration = 0, hint }) => sum + (hint ? 0 : duration), 0);
  const after = durations.slice(skipped).reduce((sum, duration) => sum + duration, open);
  t.ok(after >= 12 && after - durations[skipped]! < 12, `${after} s are left`);
});

t.test('the multivariant playlist has the measured bit rates', async (t) => {
  const playlist = parse(broadcast.multivariant()!) as types.MasterPlaylist;
  t.same(
    playlist.variants.map(({ uri }) => uri),
    ['source', '180p', '120p', 'audio'].map((id) => `broadcast-1/${id}/index.m3u8`),
  );
  const [source, , , audioOnly] = playlist.variants;
  t.match(source!.codecs, /^avc1\.4d40[0-9a-f]{2},mp4a\.40\.2$/);
  t.match(source!.resolution, { width: 320, height: 240 });
  t.equal(source!.frameRate?.toFixed(2), '29.97');
  t.equal(source!.audio[0]?.uri, 'broadcast-1/audio/index.m3u8');
  t.equal(audioOnly!.codecs, 'mp4a.40.2');
  t.equal(audioOnly!.resolution, undefined);
  let bytes = 0;
  for (const id of ['source', 'audio'])
    for (let msn = 2; msn < 8; msn++) bytes += feed(id).segment(msn)!.length;
  const rate = (bytes * 8) / 12.012;
  t.ok(Math.abs(source!.averageBandwidth! / rate - 1) < 0.1, `${source!.averageBandwidth} for ${rate}`);
  t.ok(source!.bandwidth >= source!.averageBandwidth!);
});
