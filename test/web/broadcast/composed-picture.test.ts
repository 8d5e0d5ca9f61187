import t from 'tap';
import { cameraPlace, composedSize } from '../../../src/web/broadcast/composed-picture.js';

t.test('the picture has the size of the screen, in even pixels, and at most the chosen height', async (t) => {
  t.same(composedSize({ width: 1920, height: 1080 }, 720), { width: 1280, height: 720 });
  t.same(composedSize({ width: 800, height: 600 }, 720), { width: 800, height: 600 });
  t.same(composedSize({ width: 1365, height: 767 }, 720), { width: 1282, height: 720 });
  t.same(composedSize({ width: 10, height: 4_000 }, 720), { width: 2, height: 720 });
});

t.test('the camera keeps its shape in the lower right corner', async (t) => {
  const picture = { width: 1_000, height: 600 };
  t.same(cameraPlace(picture, { width: 640, height: 480 }), { x: 730, y: 392.5, width: 250, height: 187.5 });
  t.same(cameraPlace(picture, { width: 480, height: 480 }), { x: 730, y: 330, width: 250, height: 250 });
});
