import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { parse, setOptions } from 'hls-parser';
import { createFile, type MP4BoxBuffer } from 'mp4box';
import t, { type Test } from 'tap';
import { openChromium } from '../../support/clients/chromium.js';
import { openForHls, playback, untilPlaying } from '../../support/clients/watch-page.js';
import { type Livestream, startGatewayProcess } from '../../support/gateway/gateway-process.js';
import { publish, run, testMedia } from '../../support/media/encoder.js';
import { unknownTags } from '../../support/media/playlist-tags.js';
import { until } from '../../support/until.js';

const WATCH_S = 32;
/** Time between two choices of a level, s. */
const CHOICE_S = 5;

t.test(
  'a stream with B-frames and 44.1 kHz audio plays without a stall while levels are switched',
  async (t) => {
    const [browser, gateway] = await Promise.all([openChromium(t), startGatewayProcess(t)]);
    const livestream = await gateway.createLivestream('Levels');
    publish(t, await testMedia(120), livestream.rtmp);
    const published = performance.now();
    await until('the multivariant playlist is available', async () => (await fetch(livestream.hls)).ok);
    t.comment(`playable ${Math.round(performance.now() - published)} ms after the encoder was started`);

    const page = await browser.newPage();
    const failures: string[] = [];
    page.on('pageerror', (error) => failures.push(error.message));
    await openForHls(page, livestream.watch);
    await untilPlaying(page);
    const levels = (await playback(page)).levels;
    t.strictSame(levels.toSorted(), ['240p', '360p']);

    const start = await playback(page);
    const seen = new Set<string>();
    const checking = checkPlaylists(t, livestream);
    const plan = ['240p', '360p', 'auto'];
    for (let second = 0; second < WATCH_S; second++) {
      if (second % CHOICE_S === 0) {
        const choice = plan[(second / CHOICE_S) % plan.length] ?? 'auto';
        await page.getByLabel('Quality').selectOption(choice);
      }
      await page.waitForTimeout(1000);
      const now = await playback(page);
      if (now.level) seen.add(now.level);
    }
    const end = await playback(page);
    await checking.stop();
    t.equal(end.stalls - start.stalls, 0, 'no stall');
    t.ok(end.position - start.position > WATCH_S - 1, 'it played as fast as time passed');
    t.equal(end.rebuilds, 0, 'the player was not recreated');
    t.strictSame([...seen].toSorted(), ['240p', '360p'], 'both levels were played');
    t.ok(end.levelSwitches >= 4, `${end.levelSwitches} switches`);
    t.equal(end.bufferedRanges, 1, 'no switch left a gap in the buffer');
    t.strictSame(
      end.errors.filter((error) => error.includes('fatal')),
      [],
    );
    t.strictSame(failures, []);
    t.ok(checking.playlists > 60, `${checking.playlists} playlists were read`);
    await checkSegments(t, livestream);
  },
);

async function lines(url: string): Promise<string[]> {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url}: ${response.status}`);
  return (await response.text()).split('\n');
}

/** Polls every media playlist as players do (plain, blocking, delta) and parses each in strict mode. */
function checkPlaylists(t: Test, { hls }: Livestream) {
  setOptions({ strictMode: true });
  let going = true;
  const result = { playlists: 0, stop: async (): Promise<void> => {} };
  const follow = async (url: string): Promise<void> => {
    let query = '';
    for (let turn = 0; going; turn++) {
      const text = (await lines(url + query)).join('\n');
      try {
        parse(text);
        const unknown = unknownTags(text);
        if (unknown.length > 0) throw new Error(`unknown tags ${unknown.join(', ')}`);
        result.playlists++;
      } catch (error) {
        t.fail(`${url}${query}: ${(error as Error).message}`, { text });
        return;
      }
      const hint = /PRELOAD-HINT:TYPE=PART,URI="p(\d+)\.(\d+)\.m4s"/.exec(text);
      query = hint ? `?_HLS_msn=${hint[1]}&_HLS_part=${hint[2]}${turn % 2 ? '&_HLS_skip=YES' : ''}` : '';
      if (!hint) await new Promise((resolve) => setTimeout(resolve, 200));
    }
  };
  const all = (async () => {
    const multivariant = (await lines(hls)).join('\n');
    parse(multivariant);
    const uris = [...multivariant.matchAll(/^[^#\n]+\.m3u8|(?<=URI=")[^"]+\.m3u8/gm)].map(([uri]) => uri);
    t.ok(new Set(uris).size >= 3, 'two video renditions and one audio rendition');
    await Promise.all([...new Set(uris)].map((uri) => follow(new URL(uri, hls).href)));
  })();
  result.stop = async () => {
    going = false;
    await all;
  };
  return result;
}

/** Checks that the current segments are complete and independent for two parsers. */
async function checkSegments(t: Test, { hls }: Livestream): Promise<void> {
  const folder = t.testdir();
  const uris = (await lines(hls)).join('\n').matchAll(/^[^#\n]+\.m3u8|(?<=URI=")[^"]+\.m3u8/gm);
  for (const uri of new Set([...uris].map(([text]) => text))) {
    const playlist = new URL(uri, hls);
    const media = await lines(playlist.href);
    const map = /URI="([^"]+)"/.exec(media.find((line) => line.startsWith('#EXT-X-MAP')) ?? '')?.[1] ?? '';
    const init = Buffer.from(await (await fetch(new URL(map, playlist))).arrayBuffer());
    const segments = media.filter((line) => line.endsWith('.m4s')).slice(-4, -1);
    t.equal(segments.length, 3, `segments of ${uri}`);
    for (const name of segments) {
      const bytes = Buffer.from(await (await fetch(new URL(name, playlist))).arrayBuffer());
      const whole = Buffer.concat([init, bytes]);
      const file = path.join(folder, `${uri.replaceAll('/', '-')}-${name}.mp4`);
      writeFileSync(file, whole);
      const { stdout } = await run('ffprobe', [
        '-v',
        'error',
        '-show_entries',
        'packet=flags',
        '-of',
        'csv=p=0',
        file,
      ]);
      t.match(stdout, /^K/, `${name} starts with a keyframe`);
      t.equal(countSamples(whole), stdout.trim().split('\n').length, `${name}: both parsers count the same`);
    }
  }
}

function countSamples(bytes: Buffer): number {
  const file = createFile();
  let samples = 0;
  file.onReady = (info) => {
    for (const track of info.tracks) file.setExtractionOptions(track.id, undefined, { nbSamples: 1 });
    file.onSamples = (_id, _user, batch) => {
      samples += batch.length;
    };
    file.start();
  };
  const copy = new Uint8Array(bytes).buffer as MP4BoxBuffer;
  copy.fileStart = 0;
  file.appendBuffer(copy);
  file.flush();
  return samples;
}
