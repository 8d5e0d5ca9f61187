import t from 'tap';
import { applyVp8Shift, vp8ShiftAfter } from '../../../../src/webrtc/worker/forward/vp8-shift.js';

/** Builds a bare packet with a 15-bit picture id and TL0PICIDX, or a 7-bit picture id only. */
function vp8(pictureId: number, tl0PicIdx?: number): Buffer {
  const header = Buffer.alloc(12);
  if (tl0PicIdx === undefined) return Buffer.concat([header, Buffer.from([0x90, 0x80, pictureId, 0, 9])]);
  const id = [0x80 | (pictureId >> 8), pictureId & 0xff];
  return Buffer.concat([header, Buffer.from([0x90, 0xc0, ...id, tl0PicIdx, 0, 9])]);
}

t.test('picture ids continue after a switch, across their wraps', async (t) => {
  const shift = vp8ShiftAfter(vp8(0x7ffe, 255), vp8(5, 100))!;
  const packet = vp8(5, 100);
  applyVp8Shift(packet, 12, packet.length, shift);
  t.same(packet, vp8(0x7fff, 0));
  const next = vp8(6, 101);
  applyVp8Shift(next, 12, next.length, shift);
  t.same(next, vp8(0, 1));
  // A second switch continues from the sent numbers.
  const again = vp8ShiftAfter(vp8(6, 101), vp8(300, 7), shift)!;
  const third = vp8(300, 7);
  applyVp8Shift(third, 12, third.length, again);
  t.same(third, vp8(1, 2));
});

t.test('7-bit picture ids stay 7-bit', async (t) => {
  const shift = vp8ShiftAfter(vp8(127), vp8(3))!;
  const packet = vp8(3);
  applyVp8Shift(packet, 12, packet.length, shift);
  t.same(packet, vp8(0));
});

t.test('frames without picture ids are unchanged', async (t) => {
  const plain = Buffer.concat([Buffer.alloc(12), Buffer.from([0x10, 0])]);
  t.equal(vp8ShiftAfter(plain, vp8(1, 1)), undefined);
  t.equal(vp8ShiftAfter(vp8(1, 1), undefined), undefined);
  const copy = Buffer.from(plain);
  applyVp8Shift(copy, 12, copy.length, { pictureId: 7, tl0PicIdx: 7 });
  t.same(copy, plain);
});
