import t from 'tap';
import { LayerChoice } from '../../../../src/webrtc/worker/forward/layer-choice.js';

const LAYERS = [
  { rid: 'l', bitrate: 150_000 },
  { rid: 'm', bitrate: 500_000 },
  { rid: 'h', bitrate: 2_500_000 },
];

/** Viewer that reports every second. */
class Viewer {
  readonly choice = new LayerChoice();
  current: string | undefined = 'h';
  now = 1_000_000;

  seconds(count: number, report: { loss?: number; estimate?: number }): string[] {
    const seen: string[] = [];
    for (let i = 0; i < count; i++) {
      this.now += 1000;
      if (report.loss !== undefined) this.choice.lossReported(report.loss, this.now);
      if (report.estimate !== undefined) this.choice.bitrateEstimated(report.estimate, this.now);
      this.current = this.choice.choose(LAYERS, this.current, this.now);
      seen.push(this.current ?? '');
    }
    return seen;
  }
}

t.test('the best layer is kept without loss', async (t) => {
  const viewer = new Viewer();
  t.same(new Set(viewer.seconds(30, { loss: 0.01, estimate: 3_500_000 })), new Set(['h']));
  t.equal(viewer.choice.choose([], undefined, viewer.now), undefined);
});

t.test('two consecutive bad reports lower the layer, one does not', async (t) => {
  const viewer = new Viewer();
  viewer.seconds(5, { loss: 0 });
  t.same(viewer.seconds(1, { loss: 0.2 }), ['h']);
  t.same(viewer.seconds(1, { loss: 0 }), ['h']);
  t.same(viewer.seconds(3, { loss: 0.2 }), ['h', 'm', 'm']);
  t.same(viewer.seconds(1, { loss: 0.2 }), ['l']);
  t.same(new Set(viewer.seconds(3, { loss: 0.5 })), new Set(['l']), 'lowest layer stays');
});

t.test('an estimate that drops below the sent bitrate lowers the layer', async (t) => {
  const viewer = new Viewer();
  viewer.seconds(5, { estimate: 3_000_000 });
  t.equal(viewer.seconds(3, { estimate: 600_000 }).at(-1), 'm');
  t.equal(viewer.seconds(3, { estimate: 200_000 }).at(-1), 'l');
});

t.test('an estimate that is low because little was sent does not lower the layer', async (t) => {
  const viewer = new Viewer();
  viewer.seconds(20, { estimate: 700_000 });
  viewer.current = 'h';
  // The bitrate has risen; the estimate follows slowly.
  const quiet = new Viewer();
  quiet.choice.bitrateEstimated(700_000, quiet.now);
  quiet.now += 5000;
  t.same(new Set(quiet.seconds(3, { estimate: 750_000, loss: 0 })), new Set(['h']));
});

t.test('a higher layer is tried after a wait that grows with each failure', async (t) => {
  const viewer = new Viewer();
  viewer.seconds(5, { loss: 0 });
  const waits: number[] = [];
  for (let i = 0; i < 4; i++) {
    viewer.seconds(2, { loss: 0.3 });
    t.equal(viewer.current, 'm');
    let waited = 0;
    while (viewer.current === 'm' && waited < 100) {
      viewer.seconds(1, { loss: 0 });
      waited++;
    }
    waits.push(waited);
  }
  t.ok(
    waits.every((wait, i) => i === 0 || wait >= waits[i - 1]! * 1.5),
    waits.join(),
  );
  t.same(new Set(viewer.seconds(30, { loss: 0 })), new Set(['h']), 'stays after a successful attempt');
});

t.test('headroom by the estimate raises the layer soon', async (t) => {
  const viewer = new Viewer();
  viewer.seconds(3, { estimate: 3_000_000 });
  viewer.seconds(3, { estimate: 400_000 });
  t.not(viewer.current, 'h');
  t.equal(viewer.seconds(8, { estimate: 5_000_000 }).at(-1), 'h');
});

t.test('the target layer is kept while its keyframe is pending', async (t) => {
  const viewer = new Viewer();
  viewer.seconds(5, { estimate: 3_000_000 });
  viewer.seconds(3, { estimate: 600_000 });
  t.equal(viewer.current, 'm');
  for (let i = 0; i < 30; i++) t.equal(viewer.choice.choose(LAYERS, undefined, viewer.now + i * 1000), 'm');
});
