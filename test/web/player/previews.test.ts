import t from 'tap';
import { parsePreviews, previewAt } from '../../../src/web/player/previews.js';

const CUES = `WEBVTT

2026-01-01T00:00:00.000Z
00:00:00.000 --> 00:00:10.000
../../recordings/one/sprites/0.jpg?v=token#xywh=0,0,160,90

2026-01-01T00:00:10.000Z
00:00:10.000 --> 00:00:20.000
../../recordings/one/sprites/0.jpg?v=token#xywh=160,0,160,90

NOTE no picture
`;

t.test('previews are read from cues, and found by date or position', async (t) => {
  const previews = parsePreviews(CUES, 'http://host/rewind/stream/sprites.vtt');
  t.equal(previews.length, 2);
  t.strictSame(previewAt(previews, { dateMs: Date.UTC(2026, 0, 1, 0, 0, 8) }), {
    ...{ dateMs: Date.UTC(2026, 0, 1, 0, 0, 10), startS: 10, x: 160, y: 0, width: 160, height: 90 },
    url: 'http://host/recordings/one/sprites/0.jpg?v=token',
  });
  t.equal(previewAt(previews, { positionS: 3 })?.startS, 0);
  t.equal(previewAt(previews, { dateMs: Date.UTC(2026, 0, 1, 0, 1) }), undefined, 'none is near');
  t.strictSame(parsePreviews('<html>', 'http://host/'), []);
});
