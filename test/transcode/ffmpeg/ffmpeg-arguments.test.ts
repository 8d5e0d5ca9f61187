import t from 'tap';
import { ffmpegPlan } from '../../../src/transcode/ffmpeg/ffmpeg-arguments.js';
import { encoderArguments } from '../../../src/transcode/ffmpeg/video-encoder.js';
import { chooseLadder, DEFAULT_LADDER } from '../../../src/transcode/hls/ladder.js';
import type { VideoEncoder } from '../../../src/transcode/index.js';

t.test('the arguments of a ladder match its plan', async (t) => {
  const ladder = chooseLadder({
    video: { codec: 'h264', width: 1920, height: 1080, frameRate: 120 },
    audio: { codec: 'aac', channels: 1 },
    rungs: DEFAULT_LADDER.slice(1, 3),
    audioBitrateBps: 128_000,
    passthrough: true,
    shed: new Set(),
  });
  const software = {
    encoder: 'software',
    preset: 'veryfast',
    threads: 2,
    vaapiDevice: '/dev/dri/renderD128',
  } as const;
  const request = {
    ladder,
    input: { kind: 'tags', container: 'flv' } as const,
    encoder: software,
    segmentDurationS: 2,
    maxPixels: 9_437_184,
    url: (id: string) => `unix:/run/${id}`,
  };
  const plan = ffmpegPlan(request);
  t.match(
    plan.complexFilter,
    /^\[0:v:0\]select='key\+not\(mod\(n,2\)\)',split=2\[s0\]\[s1\];\[s0\]scale=1280:720/,
  );
  t.strictSame(
    plan.outputs.map(({ url }) => url),
    ['unix:/run/720p', 'unix:/run/480p', 'unix:/run/audio'],
    'without the copied rendition',
  );
  const text = plan.outputs.map(({ options }) => options.join(' '));
  t.match(text[0], /^-map \[v0\] .*-force_key_frames source/);
  t.match(text[2], /-ac 1/);
  for (const output of text) {
    t.match(output, /\+cmaf\+frag_every_frame\+frag_discont\+skip_trailer -use_editlist 0/);
    t.notMatch(output, /-method|http/);
  }
  t.ok(plan.inputOptions.includes('-copyts'));
  t.match(plan.inputOptions.join(' '), /-max_pixels 10027008 /);
  t.notMatch(plan.inputOptions.join(' '), /nobuffer/);

  const reduced = ladder.video.map((one) => (one.id === '480p' ? { ...one, frameStep: 3 } : one));
  t.match(
    ffmpegPlan({ ...request, ladder: { ...ladder, video: reduced } as typeof ladder }).complexFilter,
    /\[s0\]scale=.*;\[s1\]select='isnan\(prev_selected_n\)\+gte\(n-prev_selected_n,3\)\+key',scale=/,
    'keeps the keyframes of the source',
  );

  const video = ladder.video.filter(({ passthrough }) => !passthrough);
  const encoded = { ...ladder, video, keyframes: 'clock', frameStep: 1 } as const;
  const late = ffmpegPlan({ ...request, ladder: encoded, fromMs: () => 12_500 });
  t.match(late.complexFilter, /^\[0:v:0\]trim=start=12.497,split=2/);
  t.match(
    late.outputs[0]?.options.join(' '),
    /-force_key_frames expr:if\(isnan\(prev_forced_t\),1,gt\(floor/,
  );
  t.match(late.outputs.at(-1)?.options.join(' '), /-af atrim=start=12.500/);
  const each = ffmpegPlan({
    ...{ ...request, ladder: encoded },
    fromMs: (id) => (id === '480p' ? 12_400 : 12_500),
  });
  t.match(
    each.complexFilter,
    /^\[0:v:0\]trim=start=12.397,split=2\[s0\]\[s1\];\[s0\]trim=start=12.497,scale=.*;\[s1\]scale=/,
    'each rendition goes on where it has ended',
  );

  const vaapi = ffmpegPlan({ ...request, encoder: { ...software, encoder: 'vaapi' } });
  t.match(vaapi.inputOptions.join(' '), /-vaapi_device \/dev\/dri\/renderD128/);
  t.match(vaapi.complexFilter, /format=nv12,hwupload\[v0\]/);
});

t.test('every encoder makes keyframes only where they are forced, and no B-frames', async (t) => {
  for (const encoder of ['nvenc', 'vaapi', 'qsv', 'videotoolbox'] satisfies VideoEncoder[]) {
    const { output } = encoderArguments({
      encoder,
      preset: 'veryfast',
      threads: 2,
      vaapiDevice: '/dev/dri/renderD128',
    });
    t.match(output.join(' '), /-g 600/);
    t.match(output.join(' '), /-bf 0/);
  }
});
