import { existsSync, mkdirSync, renameSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import t from 'tap';
import { openChromium } from '../../support/clients/chromium.js';
import { openPage } from '../../support/clients/pages.js';
import { isGrey, shownPicture } from '../../support/clients/shown-picture.js';
import {
  openForHls,
  playback,
  untilPlaying,
  untilPlaysOn,
  watchByWebrtc,
} from '../../support/clients/watch-page.js';
import { type Livestream, startGatewayProcess } from '../../support/gateway/gateway-process.js';
import { publish, run, TEST_MEDIA_FOLDER } from '../../support/media/encoder.js';
import { PlaylistWatch } from '../../support/media/playlist-watch.js';
import { until } from '../../support/until.js';

const folder = process.env[TEST_MEDIA_FOLDER] || path.join(os.tmpdir(), `headend-test-media-${process.ppid}`);
const browser = await openChromium(t);
const isSlate = (points: number[][]): boolean => isGrey(points, 60, 120);

/** 60 s with a tone throughout, whose picture pauses for 3.5 s at 8.5 s and for 13 s at 17.2 s. Groups of pictures begin white. */
async function mediaWithPauses(): Promise<string> {
  const file = path.join(folder, 'picture-pauses.flv');
  if (existsSync(file)) return file;
  mkdirSync(folder, { recursive: true });
  const made = `${file}.${process.pid}`;
  await run('ffmpeg', [
    ...['-v', 'error', '-f', 'lavfi', '-i'],
    'testsrc2=size=640x360:rate=30,drawbox=color=white:thickness=fill:enable=lt(mod(t\\,1)\\,0.1)',
    ...['-f', 'lavfi', '-i', 'sine=frequency=440:sample_rate=44100', '-t', '60'],
    ...['-vf', "select='not(between(t,8.5,11.98)+between(t,17.2,29.98))'", '-fps_mode', 'passthrough'],
    ...['-c:v', 'libx264', '-preset', 'ultrafast', '-bf', '0', '-g', '1000', '-sc_threshold', '0'],
    ...[
      '-force_key_frames',
      'expr:if(isnan(prev_forced_t),1,gt(floor(t/2),floor(prev_forced_t/2)))',
      '-b:v',
      '600k',
      '-pix_fmt',
      'yuv420p',
    ],
    ...['-c:a', 'aac', '-b:a', '96k', '-f', 'flv', made],
  ]);
  renameSync(made, file);
  return file;
}

/** Downloads the segments of the audio rendition by run, and returns the times (s) of silence in each. */
async function silenceIn({ hls }: Livestream, into: string): Promise<string[]> {
  const multivariant = await (await fetch(hls)).text();
  const uri = new URL(/URI="([^"]*audio[^"]*)"/.exec(multivariant)?.[1] ?? '', hls);
  const playlist = await (await fetch(uri)).text();
  const silences: string[] = [];
  for (const [index, part] of playlist.split('#EXT-X-MAP:').slice(1).entries()) {
    const names = [/URI="([^"]+)"/.exec(part)?.[1] ?? '', ...(part.match(/^[^#\n].*m4s.*$/gm) ?? [])];
    const bytes = await Promise.all(
      names.map(async (name) => Buffer.from(await (await fetch(new URL(name, uri))).arrayBuffer())),
    );
    const file = path.join(into, `run-${index}.mp4`);
    writeFileSync(file, Buffer.concat(bytes));
    const filter = ['-af', 'silencedetect=noise=-40dB:d=0.05', '-f', 'null', '-'];
    const { stderr } = await run('ffmpeg', ['-hide_banner', '-i', file, ...filter]);
    for (const [, at] of stderr.matchAll(/silence_end: (.+)/g)) silences.push(`run ${index}: ${at}`);
  }
  return silences;
}

/** Gaps between segments of a rendition of more than 50 ms. */
async function gapsIn({ hls }: Livestream, rendition: RegExp): Promise<number[]> {
  const multivariant = await (await fetch(hls)).text();
  const uri = rendition.exec(multivariant)?.[1] ?? '';
  const playlist = await (await fetch(new URL(uri, hls))).text();
  const segments = [
    ...playlist.matchAll(/PROGRAM-DATE-TIME:(\S+)\n(?:#EXT-X-PART:.*\n)*#EXTINF:([\d.]+)/g),
  ].map(([, date = '', duration]) => ({
    at: Date.parse(date),
    end: Date.parse(date) + Number(duration) * 1000,
  }));
  return segments
    .slice(1)
    .map(({ at }, index) => at - segments[index]!.end)
    .filter((gap) => Math.abs(gap) > 50);
}

t.test(
  'a picture that pauses for 3 s and for 13 s is replaced by a slate, and the sound goes on',
  async (t) => {
    const gateway = await startGatewayProcess(t, { LADDER: '180:200k', WINDOW_DURATION: '60' });
    const livestream = await gateway.createLivestream();
    // By default ffmpeg holds audio back until there is video, for up to 10 s.
    publish(t, await mediaWithPauses(), livestream.rtmp, { mapping: ['-max_interleave_delta', '1000'] });
    await gateway.untilLive(livestream);
    const page = await openPage(t, browser);
    await openForHls(page, livestream.watch);
    await untilPlaying(page);
    const playlists = new PlaylistWatch(t, livestream);
    const webrtcPage = await watchByWebrtc(t, browser, livestream);
    for (const pause of [3, 13]) {
      await until(`the page shows the slate of the pause of ${pause} s`, async () =>
        isSlate(await shownPicture(page)),
      );
      await until('a WebRTC viewer sees one', async () => isSlate(await shownPicture(webrtcPage)));
      for (const each of [page, webrtcPage])
        await until('the page shows the live picture', async () => !isSlate(await shownPicture(each)));
    }
    t.match(await playback(webrtcPage), { delivery: 'webrtc', fallbacks: 0, rebuilds: 0 });
    await untilPlaysOn(page);
    await playlists.stop();
    t.equal(playlists.targets.size, 3);
    for (const [rendition, targets] of playlists.targets)
      t.equal(targets.size, 1, `${rendition}: ${[...targets]}`);
    const shown = gateway.log.filter(({ msg }) => msg === 'slate shown: the picture pauses');
    t.equal(shown.length, 2);
    t.same(await gapsIn(livestream, /^([^#\n]+\.m3u8.*)$/m), [], 'video is without gaps');
    t.same(await gapsIn(livestream, /URI="([^"]*audio[^"]*)"/), [], 'so is audio');
    t.same(await silenceIn(livestream, t.testdir()), [], 'the tone never stops');
    t.match(await playback(page), { rebuilds: 0 });
    const { stream } = await gateway.api<{ stream: { notices: unknown[] } }>(
      'GET',
      `/${livestream.streamId}`,
    );
    t.same(stream.notices, [], 'the picture is still passed through');
  },
);
