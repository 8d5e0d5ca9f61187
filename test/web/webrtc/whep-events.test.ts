import t from 'tap';
import { layerLabels, parseData, parseLayers } from '../../../src/web/webrtc/whep-events.js';

t.test('layers are parsed in every shape of the drafts', async (t) => {
  const high = { rid: 'h', width: 1280, height: 720, bitrate: 2_500_000 };
  const low = { rid: 'l', width: 320, height: 180 };
  const expected = [
    { mediaId: '1', active: true, ...high },
    { mediaId: '1', active: true, ...low },
  ];
  t.same(parseLayers({ 1: [high, low] }).layers, expected, 'a list');
  t.same(parseLayers({ 1: { layers: [high, low] } }).layers, expected, 'a named list');
  t.same(
    parseLayers({ 1: { active: [high], inactive: [low] } }).layers,
    [expected[0], { ...expected[1], active: false }],
    'two lists',
  );
  t.same(
    parseLayers({ 1: { layers: [high], active: [{ id: 'h' }], inactive: [{ ...low, id: 'l' }] } }).layers,
    [expected[0], { ...expected[1], active: false }],
    'three lists',
  );
  const { rid: _rid, ...unnamed } = high;
  t.same(parseLayers({ 1: [{ encodingId: 'h', ...unnamed }] }).layers, [expected[0]], 'by encodingId');
});

t.test('the current and the requested layer are parsed where present', async (t) => {
  t.match(parseLayers({ 0: [], current: 'h', chosen: 'l' }), { current: 'h', chosen: 'l' });
  t.match(parseLayers({ 0: { layers: [], current: 'm' } }), { current: 'm', chosen: undefined });
  t.match(parseLayers({ current: 7 }), { current: undefined });
});

t.test('temporal layers of one rid are merged', async (t) => {
  const layers = [
    { rid: 'h', spatialLayerId: 0, temporalLayerId: 1 },
    { rid: 'h', spatialLayerId: 0, temporalLayerId: 0 },
  ];
  t.equal(parseLayers({ 0: layers }).layers.length, 1);
});

t.test('data of unknown shape gives no layers', async (t) => {
  for (const data of [undefined, '', 'null', '[]', '7', '{', '"text"'])
    t.same(parseLayers(parseData(data)).layers, [], String(data));
  for (const section of [null, 7, 'text', [null, 7, {}, { rid: 7 }, { rid: '' }], { layers: 7 }])
    t.same(parseLayers({ 0: section }).layers, []);
  t.same(parseLayers({ 0: [{ rid: 'h', width: -1, height: Number.NaN, bitrate: 'much' }] }).layers, [
    { mediaId: '0', rid: 'h', active: true },
  ]);
});

t.test('labels of layers are unique', async (t) => {
  const layer = (rid: string, height?: number) => ({
    mediaId: '0',
    rid,
    active: true,
    ...(height === undefined ? {} : { height }),
  });
  t.same(layerLabels([layer('h', 720), layer('m', 360), layer('l')]), ['720p', '360p', 'l']);
  t.same(layerLabels([layer('a', 720), layer('b', 720)]), ['720p (a)', '720p (b)']);
});
