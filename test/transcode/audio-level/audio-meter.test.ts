import t from 'tap';
import { openAudioMeter } from '../../../src/transcode/index.js';
import { FakeSource } from '../../support/fakes/fake-broadcast.js';
import { readFlv } from '../../support/media/flv-file.js';
import { until } from '../../support/until.js';

const TOOL = { path: 'ffmpeg', environment: { PATH: process.env.PATH } };
const AAC = { protocol: 'rtmp', audio: { codec: 'aac' } } as const;

t.test('each second of sound has a level and a peak, and the process ends with its timeline', async (t) => {
  const tags = await readFlv([
    ...['-f', 'lavfi', '-i', "aevalsrc='if(lt(t,4),0.5*sin(2*PI*440*t),0)':s=44100", '-t', '8'],
    ...['-c:a', 'aac', '-b:a', '96k'],
  ]);
  const source = new FakeSource(AAC);
  source.restart(Date.now(), { audio: true, video: false });
  const levels: { levelDb: number; peakDb: number }[] = [];
  const meter = openAudioMeter(TOOL, source, (level) => levels.push(level));
  for (const { kind, timestamp, body } of tags)
    if (kind === 'audio')
      source.write({ kind, timestamp: timestamp + 7_200_000, body, header: body[1] === 0, keyframe: false });
  await until('seven seconds are measured', () => levels.length >= 7);
  const [, loud, , , , silent] = levels;
  t.ok(Math.abs(loud!.levelDb + 9) < 0.5 && Math.abs(loud!.peakDb + 6) < 0.5, JSON.stringify(loud));
  t.ok(silent!.levelDb < -70, JSON.stringify(silent));
  source.restart(Date.now(), { audio: true, video: false });
  await meter.closed;
});

t.test('a meter that is closed or whose program is missing is over', async (t) => {
  const source = new FakeSource(AAC);
  const meter = openAudioMeter(TOOL, source, () => {});
  meter.close();
  await meter.closed;
  await openAudioMeter({ ...TOOL, path: '/nowhere/ffmpeg' }, source, () => {}).closed;
  t.pass('both are closed');
});
