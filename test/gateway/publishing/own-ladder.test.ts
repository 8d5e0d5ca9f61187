import t from 'tap';
import { startGatewayProcess } from '../../support/gateway/gateway-process.js';
import { publish, run, testMedia } from '../../support/media/encoder.js';

const gateway = await startGatewayProcess(t, { RECONNECT_GRACE: '0' });

type Listed = { height: number; frameRate: number; bandwidth: number };

/** Reads the video renditions of a livestream's multivariant playlist. */
async function renditions(hls: string): Promise<Listed[]> {
  const playlist = await (await fetch(hls)).text();
  const variants = playlist.matchAll(/BANDWIDTH=(\d+),.*RESOLUTION=\d+x(\d+),FRAME-RATE=([\d.]+)/g);
  return [...variants].map(([, bandwidth, height, frameRate]) => ({
    height: Number(height),
    frameRate: Math.round(Number(frameRate)),
    bandwidth: Number(bandwidth),
  }));
}

t.test("a livestream's own ladder makes the renditions of its next broadcast", async (t) => {
  const livestream = await gateway.createLivestream('Own ladder');
  const change = (ladder: object[] | null) =>
    gateway.api<{ stream: { ladder: object[] | null } }>('PATCH', `/${livestream.streamId}`, { ladder });
  const ladder = [
    { height: 320, bitrate: 400_000 },
    { height: 144, bitrate: 100_000, frameRate: 15 },
  ];
  t.strictSame((await change(ladder)).stream.ladder, ladder);
  await t.rejects(change([...ladder].reverse()), /400 .*ladder_invalid/);
  await t.rejects(change([{ ...ladder[0], codec: 'av1' }]), /400 .*validation_failed/);

  const encoder = publish(t, await testMedia(60), livestream.rtmp);
  await gateway.untilLive(livestream);
  const listed = await renditions(livestream.hls);
  t.match(listed, [
    { height: 360, frameRate: 30 },
    { height: 320, frameRate: 30 },
    { height: 144, frameRate: 15 },
  ]);
  t.equal(listed.length, 3);

  await change(null);
  const { stdout } = await run('ffmpeg', [
    ...['-v', 'error', '-i', livestream.hls, '-t', '4'],
    ...['-map', '0:v:1', '-map', '0:v:2', '-c', 'copy', '-f', 'framecrc', '-'],
  ]);
  const frames = (stream: number) =>
    stdout.split('\n').filter((line) => line.startsWith(`${stream},`)).length;
  t.ok(frames(0) >= 110 && frames(0) <= 130, `${frames(0)} frames of 320 lines in 4 s`);
  t.ok(frames(1) >= 54 && frames(1) <= 66, `${frames(1)} frames of 144 lines in 4 s`);
  t.equal((await renditions(livestream.hls)).length, 3, 'a running broadcast keeps its ladder');

  await encoder.stop();
  const next = publish(t, await testMedia(60), livestream.rtmp);
  await gateway.untilLive(livestream);
  t.strictSame(
    (await renditions(livestream.hls)).map(({ height }) => height),
    [360, 240],
    'the next broadcast has the ladder of the gateway',
  );
  await next.stop();
});
