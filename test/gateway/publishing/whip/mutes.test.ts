import t from 'tap';
import { openChromium } from '../../../support/clients/chromium.js';
import { openPage } from '../../../support/clients/pages.js';
import { publishFromPage, setSending } from '../../../support/clients/whip-page.js';
import { type Livestream, startGatewayProcess } from '../../../support/gateway/gateway-process.js';
import { assertInSync, recordHls } from '../../../support/media/hls-recording.js';

// One rendition, which is never shed: shedding would end the playlists of others.
const [browser, gateway] = await Promise.all([
  openChromium(t, { webrtc: true }),
  startGatewayProcess(t, { LADDER: 'off' }),
]);

/** Fetches the playlist URLs of a livestream's renditions. */
async function playlistsOf({ hls }: Livestream): Promise<string[]> {
  const text = await (await fetch(hls)).text();
  const uris = [...text.matchAll(/^(?!#)\S+$|URI="([^"]+)"/gm)].map(([line, uri]) => uri ?? line);
  return uris.map((uri) => new URL(uri, hls).href);
}

/** Reads a media playlist's own entries. */
async function mediaOf(playlist: string): Promise<string> {
  const text = await (await fetch(playlist)).text();
  return text.replaceAll(/^#EXT-X-RENDITION-REPORT:.*$/gm, '');
}

/** Measures the longest time, ms, without an update of any of the playlists, within `ms`. */
async function longestStandstill(playlists: string[], ms: number): Promise<number> {
  const seen = playlists.map(() => ({ text: '', at: performance.now() }));
  let longest = 0;
  for (const end = performance.now() + ms; performance.now() < end; ) {
    const texts = await Promise.all(playlists.map(mediaOf));
    const now = performance.now();
    for (const [index, last] of seen.entries()) {
      longest = Math.max(longest, now - last.at);
      if (texts[index] !== last.text) seen[index] = { text: texts[index] ?? '', at: now };
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return longest;
}

t.test('HLS continues when a WHIP publisher mutes audio or video and unmutes it', async (t) => {
  const livestream = await gateway.createLivestream();
  const camera = await openPage(t, browser);
  await publishFromPage(camera, gateway, livestream.streamKey);
  await gateway.untilLive(livestream);
  const playlists = await playlistsOf(livestream);
  t.ok(playlists.length >= 2, playlists.join(' '));
  // The loss of video is detected later: a still screen is sent once a second.
  for (const [kind, withinMs] of [
    ['audio', 2_500],
    ['video', 7_000],
  ] as const) {
    await setSending(camera, kind, false);
    const without = await longestStandstill(playlists, 8_000);
    t.ok(without < withinMs, `no update for ${Math.round(without)} ms without ${kind}`);
    await setSending(camera, kind, true);
    const back = await longestStandstill(playlists, 8_000);
    t.ok(back < 4_000, `no update for ${Math.round(back)} ms after ${kind} has returned`);
    await assertInSync(t, await recordHls(t, livestream, 6), 3);
  }
});
