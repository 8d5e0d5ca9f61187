import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import t, { type Test } from 'tap';
import { RtmpClient } from '../../support/clients/rtmp-client.js';
import { ADMITTED_STREAM_KEY, startRtmpFixture } from '../../support/fixtures/rtmp-fixture.js';
import { eventually } from '../../support/until.js';

const PICTURE = ['-f', 'lavfi', '-i', 'testsrc2=size=320x180:rate=30000/1001'];
const SOUND = ['-f', 'lavfi', '-i', 'sine=frequency=440:sample_rate=44100'];
const H264 = ['-c:v', 'libx264', '-preset', 'ultrafast', '-bf', '2', '-g', '30', '-pix_fmt', 'yuv420p'];
const AAC = ['-c:a', 'aac', '-b:a', '64k', '-ac', '2'];
const SECONDS = 4;

/** Publishes with ffmpeg to the end of its input; killed at the end of the test. */
async function publish(
  t: Test,
  url: string,
  args: string[],
  seconds = SECONDS,
): Promise<{ code: number; said: string }> {
  const all = ['-nostdin', '-hide_banner', ...args, '-t', String(seconds), '-f', 'flv', url];
  const encoder = spawn('ffmpeg', all, { stdio: ['ignore', 'ignore', 'pipe'] });
  t.teardown(() => encoder.kill('SIGKILL'));
  let said = '';
  encoder.stderr.on('data', (bytes: Buffer) => {
    said += bytes.toString();
  });
  const [code] = (await once(encoder, 'close')) as [number];
  return { code, said };
}

type Probe = { streams: Record<string, unknown>[]; packets: { stream_index: number; dts: number }[] };

async function probe(t: Test, flv: Buffer): Promise<Probe> {
  const file = path.join(t.testdir(), 'received.flv');
  writeFileSync(file, flv);
  const args = ['-v', 'warning', '-count_frames', '-show_streams', '-show_packets', '-of', 'json', file];
  const { stdout, stderr } = await promisify(execFile)('ffprobe', args, { maxBuffer: 16 << 20 });
  t.equal(stderr, '', 'ffprobe has nothing to complain of');
  return JSON.parse(stdout) as Probe;
}

t.test('a stream with B-frames and audio arrives as it was sent', async (t) => {
  const { port, publications, logLines } = await startRtmpFixture(t);
  const url = `rtmp://127.0.0.1:${port}/live/${ADMITTED_STREAM_KEY}`;
  const { code, said } = await publish(t, url, [...PICTURE, ...SOUND, ...H264, ...AAC]);
  t.equal(code, 0, said);
  const publication = publications[0]!;
  await publication.until(({ ends }) => ends.length > 0);
  t.same(publication.ends, ['publisher-left']);
  t.equal(publication.timelines.length, 1);
  t.match(publication.timelines[0], { has: { audio: true, video: true } });
  t.equal(publication.tags.find(({ kind, header }) => kind === 'video' && !header)?.timestamp, 0);
  const { streams } = await probe(t, publication.flv());
  t.match(streams, [
    { codec_name: 'h264', width: 320, height: 180, has_b_frames: 2, nb_read_frames: '120' },
    { codec_name: 'aac', sample_rate: '44100', channels: 2 },
  ]);
  t.match(publication.descriptions.at(-1), {
    encoder: /Lavf/,
    video: { codec: 'h264', width: 320, height: 180, bFrames: true, keyframeInterval: 1.001 },
    audio: { codec: 'aac', sampleRate: 44_100, channels: 2 },
  });
  const { frameRate = 0, bitrate = 0 } = publication.descriptions.at(-1)?.video ?? {};
  t.ok(Math.abs(frameRate - 29.97) < 0.01, `${frameRate} frames a second`);
  t.ok(bitrate > 50_000 && bitrate < 5_000_000, `${bitrate} bit/s`);
  t.notOk(
    logLines.some((line) => line.includes(ADMITTED_STREAM_KEY)),
    'the key is not logged',
  );
});

t.test('ffmpeg with the key in the server field, or behind live twice, is admitted', async (t) => {
  const { port, publications } = await startRtmpFixture(t);
  for (const path of [`live/${ADMITTED_STREAM_KEY}/`, `live/live/${ADMITTED_STREAM_KEY}`]) {
    const { code, said } = await publish(t, `rtmp://127.0.0.1:${port}/${path}`, [...PICTURE, ...H264], 1);
    t.equal(code, 0, said);
    t.equal(publications.pop()?.publisher?.streamKey, ADMITTED_STREAM_KEY, path);
  }
});

t.test('video alone and audio alone are accepted', async (t) => {
  const { port, publications } = await startRtmpFixture(t);
  const url = `rtmp://127.0.0.1:${port}/live/${ADMITTED_STREAM_KEY}`;
  t.equal((await publish(t, url, [...PICTURE, ...H264])).code, 0);
  t.equal((await publish(t, url, ['-re', ...SOUND, ...AAC], 2)).code, 0);
  t.equal((await publish(t, url, ['-re', ...SOUND, '-c:a', 'libmp3lame'], 2)).code, 0);
  await eventually(() => publications.filter(({ ends }) => ends.length > 0).length === 3);
  const [picture, sound, mp3] = publications;
  t.match(picture?.timelines, [{ has: { audio: false, video: true } }]);
  t.match((await probe(t, picture!.flv())).streams, [{ codec_name: 'h264', nb_read_frames: '120' }]);
  t.match(sound?.timelines, [{ has: { audio: true, video: false } }]);
  t.match((await probe(t, sound!.flv())).streams, [{ codec_name: 'aac', channels: 2 }]);
  t.match(mp3?.timelines, [{ has: { audio: true, video: false } }]);
  t.match((await probe(t, mp3!.flv())).streams, [{ codec_name: 'mp3' }]);
});

t.test('an unknown key ends ffmpeg with the refusal before media is sent', async (t) => {
  const { port, publications, server } = await startRtmpFixture(t);
  const args = [...PICTURE, ...SOUND, ...H264, ...AAC];
  const { code, said } = await publish(t, `rtmp://127.0.0.1:${port}/live/wrong`, args);
  t.not(code, 0);
  t.match(said, /Server error: This stream key is not known/);
  t.notMatch(said, /frame=\s*[1-9]/);
  t.equal(publications.length, 0);
  await eventually(() => server.connections === 0);
});

t.test('a kicked ffmpeg ends with an error', async (t) => {
  const { port, publications } = await startRtmpFixture(t);
  const url = `rtmp://127.0.0.1:${port}/live/${ADMITTED_STREAM_KEY}`;
  const running = publish(t, url, ['-re', ...PICTURE, ...SOUND, ...H264, ...AAC], 30);
  await eventually(() => (publications[0]?.tags.length ?? 0) > 10);
  publications[0]?.publisher?.kick('kicked', 'The operator closed this connection.');
  t.not((await running).code, 0);
  t.same(publications[0]?.ends, ['kicked']);
});

t.test('ffmpeg is refused for an unsupported codec', async (t) => {
  const { port, publications } = await startRtmpFixture(t);
  const url = `rtmp://127.0.0.1:${port}/live/${ADMITTED_STREAM_KEY}`;
  const { code, said } = await publish(t, url, ['-re', ...PICTURE, '-c:v', 'flv1'], 10);
  t.not(code, 0, said);
  t.same(publications[0]?.ends, ['protocol-error']);
  t.equal(publications[0]?.tags.length, 0);
});

t.test('RTMPS accepts a publisher, and plain bytes on its port end only their connection', async (t) => {
  const folder = t.testdir();
  const key = path.join(folder, 'key.pem');
  const cert = path.join(folder, 'cert.pem');
  const subject = ['-subj', '/CN=localhost', '-days', '1', '-nodes'];
  const made = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1'];
  await promisify(execFile)('openssl', [...made, '-keyout', key, '-out', cert, ...subject]);
  const tls = { port: 0, cert: readFileSync(cert, 'utf8'), key: readFileSync(key, 'utf8') };
  const limits = { handshakeMs: 1_500 };
  const { server, publications, client, port } = await startRtmpFixture(t, { tls, limits });
  const { rtmpsPort } = server.address();
  t.not(rtmpsPort, port);
  const url = `rtmps://127.0.0.1:${rtmpsPort}/live/${ADMITTED_STREAM_KEY}`;
  const { code, said } = await publish(t, url, [...PICTURE, ...SOUND, ...H264, ...AAC], 2);
  t.equal(code, 0, said);
  await eventually(() => publications[0]?.ends.length === 1 && server.connections === 0);
  t.equal(publications[0]?.publisher?.protocol, 'rtmps');
  t.match((await probe(t, publications[0]!.flv())).streams, [
    { nb_read_frames: '60' },
    { codec_name: 'aac' },
  ]);

  const plain = new RtmpClient(rtmpsPort!);
  const idle = new RtmpClient(rtmpsPort!);
  const cut = new RtmpClient(rtmpsPort!);
  t.teardown(() => {
    for (const each of [plain, idle, cut]) each.destroy();
  });
  plain.write(Buffer.concat([Buffer.from([3]), Buffer.alloc(1_536)]));
  cut.write(Buffer.from('16030100f8010000f40303', 'hex'));
  await Promise.all([plain.untilClosed(), idle.untilClosed(), cut.untilClosed()]);
  const encrypted = client({ tls: true });
  await encrypted.start(ADMITTED_STREAM_KEY);
  t.ok(encrypted.codes().includes('NetStream.Publish.Start'));
  await server.close();
  t.equal(server.connections, 0);
  t.same(publications[1]?.ends, ['shutdown']);
});

t.test('an encoder above the frame size limit is refused; 4096x2304 is accepted', async (t) => {
  const { port, publications, logLines } = await startRtmpFixture(t);
  const url = `rtmp://127.0.0.1:${port}/live/${ADMITTED_STREAM_KEY}`;
  const of = (size: string): string[] => [
    '-re',
    '-f',
    'lavfi',
    '-i',
    `color=size=${size}:rate=4`,
    ...H264,
    '-tune',
    'zerolatency',
  ];
  // Long enough that it still sends when the refusal arrives: else it ends without an error.
  const large = await publish(t, url, of('8192x8192'), 30);
  t.not(large.code, 0);
  await publications[0]!.until(({ ends }) => ends.length > 0);
  t.same(publications[0]?.ends, ['protocol-error']);
  t.equal(publications[0]?.tags.length, 0);
  t.match(logLines.join(''), /The video has 8192x8192 pixels, more than this server takes/);
  const taken = await publish(t, url, of('4096x2304'), 2);
  t.equal(taken.code, 0, taken.said);
  await publications[1]!.until(({ ends }) => ends.length > 0);
  t.same(publications[1]?.ends, ['publisher-left']);
});
