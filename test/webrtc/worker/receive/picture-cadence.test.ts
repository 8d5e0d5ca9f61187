import t from 'tap';
import { PictureCadence } from '../../../../src/webrtc/worker/receive/picture-cadence.js';

const FRAME_MS = 33;

/** Cadence of pictures with these distances, ms, in order. @returns it, and the arrival of the last one */
function after(...gaps: [count: number, ms: number][]): { cadence: PictureCadence; lastAt: number } {
  const cadence = new PictureCadence();
  let at = 1_000;
  let count = 0;
  const send = (): void => cadence.packetArrived(count++ * 3_000, at);
  send();
  for (const [pictures, ms] of gaps)
    for (let sent = 0; sent < pictures; sent++) {
      at += ms;
      send();
    }
  return { cadence, lastAt: at };
}

/** Time after which the picture pauses while sound goes on, ms. */
const withSound = ({ cadence, lastAt }: ReturnType<typeof after>): number =>
  cadence.pauseAfterMs(lastAt + 300);

t.test('the picture of a steady publisher pauses soon', (t) => {
  const steady = after([100, FRAME_MS]);
  t.equal(withSound(steady), 600);
  t.equal(steady.cadence.pauseAfterMs(undefined), 1_000, 'without sound a little later');
  t.equal(steady.cadence.pauseAfterMs(steady.lastAt + 40), 1_500, 'with both missing the network may rest');
  t.equal(withSound(after([30, 100])), 600, 'at 10 frames per second');
  t.end();
});

t.test('the picture of others pauses later', (t) => {
  t.equal(withSound(after([60, FRAME_MS])), 1_500, 'one that has just begun');
  t.equal(withSound(after([100, FRAME_MS], [1, 1_000], [9, FRAME_MS])), 1_500, 'one that rests');
  t.equal(
    withSound(after([100, FRAME_MS], [1, 1_000], [8_000, FRAME_MS])),
    1_500,
    'rested within five minutes',
  );
  t.equal(withSound(after([100, FRAME_MS], [1, 1_000], [9_500, FRAME_MS])), 600, 'rested before');
  t.equal(withSound(after([5, 1_000])), 2_500, 'one that sends a picture per second');
  t.equal(withSound(after([5, 2_000])), 5_000, 'and one every two');
  const screen = after([100, FRAME_MS]);
  screen.cadence.noteScreen();
  t.equal(withSound(screen), 1_500, 'a screen that moves');
  t.end();
});

t.test('a pause of several seconds is no rest', (t) => {
  t.equal(withSound(after([100, FRAME_MS], [1, 6_000], [100, FRAME_MS])), 600);
  t.end();
});

t.test('packets of one picture, and of several layers, have no distance', (t) => {
  const cadence = new PictureCadence();
  let at = 0;
  for (let picture = 0; picture < 5; picture++, at += 1_000)
    for (const layer of [0, 77_000]) cadence.packetArrived(layer + picture * 90_000, at + layer / 77_000);
  t.equal(cadence.lastAt, at - 999);
  t.ok(cadence.pauseAfterMs(at - 700) >= 1_500);
  t.end();
});
