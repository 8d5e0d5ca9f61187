import t from 'tap';
import { startGatewayProcess } from '../../support/gateway/gateway-process.js';
import { publish, testMedia } from '../../support/media/encoder.js';
import { until } from '../../support/until.js';

const gateway = await startGatewayProcess(t, { LOG_LEVEL: 'trace' });

t.test('a livestream from creation to end shows each state by the API and logs no stream key', async (t) => {
  const livestream = await gateway.createLivestream();
  const { streamId, streamKey, rtmp, hls } = livestream;
  t.equal((await fetch(hls)).status, 404, 'no media yet');
  t.match(await gateway.api('GET', `/${streamId}`), {
    stream: { status: 'scheduled', state: { name: 'offline' }, source: null },
  });

  const encoder = publish(t, await testMedia(60), rtmp);
  await gateway.untilLive({ streamId });
  const described = await until('the source is described', async () => {
    const { stream } = await gateway.api<{ stream: { source: { video?: { keyframeInterval?: number } } } }>(
      'GET',
      `/${streamId}`,
    );
    return stream.source?.video?.keyframeInterval !== undefined && stream;
  });
  t.match(described, {
    status: 'live',
    source: {
      protocol: 'rtmp',
      encoder: /Lavf/,
      video: { codec: 'h264', width: 640, height: 360, bFrames: true },
      audio: { codec: 'aac', sampleRate: 44_100 },
    },
    notices: [],
  });

  t.strictSame(await gateway.api('POST', `/${streamId}/end`), { success: true });
  await encoder.ended;
  t.match(await gateway.api('GET', `/${streamId}`), {
    stream: { status: 'ended', state: { name: 'offline' } },
  });
  const multivariant = await (await fetch(hls)).text();
  const media = /^[^#\n]+\.m3u8/m.exec(multivariant)?.[0] ?? '';
  t.match(await (await fetch(new URL(media, hls))).text(), /#EXT-X-ENDLIST\n$/, 'viewers get the end');

  const refused = publish(t, await testMedia(60), rtmp);
  const { code, errors } = await refused.ended;
  t.not(code, 0);
  t.match(errors, 'This livestream has ended', 'the encoder gets the reason');

  t.notMatch(gateway.output, streamKey);
  t.notMatch(gateway.output, streamKey.slice(5, 20), 'not even in part');
});

t.test(
  'a gateway that restarts on SIGTERM closes the publisher in order and resumes the broadcast',
  async (t) => {
    const { streamId, rtmp } = await gateway.createLivestream();
    const source = await testMedia(120);
    const encoder = publish(t, source, rtmp);
    await gateway.untilLive({ streamId });
    const encoders = await gateway.encoderPids();
    t.equal(encoders.length, 1);
    await gateway.kill('SIGTERM');
    await encoder.ended;
    t.throws(() => process.kill(encoders[0] ?? 0, 0), 'no ffmpeg is left');
    t.match(gateway.log.at(-1)?.msg, /stop/, 'the last log line is about the stop');

    await gateway.start();
    t.equal(await gateway.state(streamId), 'reconnecting');
    publish(t, source, rtmp, { startS: 30 });
    await gateway.untilLive({ streamId });
  },
);

t.test('a publisher of audio alone or of video alone goes live', async (t) => {
  for (const [kind, mapping, wanted] of [
    ['audio', ['-map', '0:a'], /CODECS="mp4a\.40\.2"/],
    ['video', ['-map', '0:v'], /CODECS="avc1\.[0-9a-f]{6}"/],
  ] as const) {
    const { streamId, rtmp, hls } = await gateway.createLivestream(kind);
    publish(t, await testMedia(60), rtmp, { mapping: [...mapping] });
    await gateway.untilLive({ streamId });
    t.match(await (await fetch(hls)).text(), wanted, `${kind} only`);
  }
});

// Runs last: it blocks publishing from this address for a while.
t.test('wrong stream keys are refused before media, and an address that guesses is limited', async (t) => {
  const source = await testMedia(60);
  const active = async (): Promise<string[]> => {
    const { streams } = await gateway.api<{ streams: { id: string }[] }>('GET', '/active');
    return streams.map(({ id }) => id);
  };
  const before = await active();
  const url = `rtmp://127.0.0.1:${gateway.rtmpPort}/live/live_${'a'.repeat(32)}`;
  let throttled = false;
  for (let guess = 0; guess < 14 && !throttled; guess++) {
    const { code, errors } = await publish(t, source, url).ended;
    t.not(code, 0);
    throttled = errors.includes('Too many wrong stream keys');
    if (!throttled) t.match(errors, 'This stream key is not known');
  }
  t.ok(throttled, 'the address is throttled');
  t.strictSame(
    (await active()).filter((id) => !before.includes(id)),
    [],
    'no stream is live',
  );
});
