// Process that transcodes until its test kills it; prints the process id of its ffmpeg.
import { systemClock } from '../../../src/platform/index.js';
import { createTranscoder } from '../../../src/transcode/index.js';
import { FakeBroadcast, FakeSource } from '../fakes/fake-broadcast.js';
import { recordLog } from '../fixtures/log-record.js';
import { encoderPidsOf, SMALL_LADDER } from '../fixtures/transcoder-fixture.js';
import { readFlv, repeatTags, sendTags } from '../media/flv-media.js';

const [file = ''] = process.argv.slice(2);
const { log, lines } = recordLog();
const transcoder = createTranscoder({
  environment: process.env,
  ladder: SMALL_LADDER,
  preset: 'ultrafast',
  clock: systemClock,
  log,
});
await transcoder.start();
const broadcast = new FakeBroadcast();
const subscription = transcoder.subscribe(broadcast);
const video = { width: 640, height: 360, rate: '30', keyframes: 2 };
const { tags, has, info } = readFlv(file, video, { sampleRate: 44_100, channels: 2 });
const source = new FakeSource(info);
subscription.publicationStarted?.(source);
source.restart(Date.now(), has);
void broadcast
  .until(() => broadcast.runs[0]?.bytes.get('240p')?.length)
  .then(() => console.log(encoderPidsOf(lines())[0]));
await sendTags(repeatTags(tags, 4, 15), source.write);
