import t from 'tap';
import { parseSharedRequest } from '../../../../src/egress/hls/delivery/shared-request.js';

const FOLDER = '/hls/stream-1/broadcast-1/source';

t.test('a media playlist has one target for each meaning, without the viewer token', async (t) => {
  const target = `${FOLDER}/index.m3u8?_HLS_msn=5&_HLS_part=2&_HLS_skip=YES`;
  for (const query of [
    '_HLS_msn=5&_HLS_part=2&_HLS_skip=YES',
    'v=a-b_c&_HLS_skip=YES&_HLS_part=2&_HLS_msn=5',
    'CMCD=bl%3D2100%2Csf%3Dh&_HLS_msn=5&_HLS_part=2&v=a-b_c&_HLS_skip=YES&&x',
  ]) {
    const shared = parseSharedRequest(`${FOLDER}/index.m3u8?${query}`);
    t.match(shared, { streamId: 'stream-1', target, kind: 'playlist', protocol: 'll-hls' }, query);
  }
  t.match(parseSharedRequest(`${FOLDER}/index.m3u8?v=a-b_c`), {
    target: `${FOLDER}/index.m3u8`,
    token: 'a-b_c',
    protocol: 'hls',
  });
});

t.test('media have their path as target, and say whether they have a token', async (t) => {
  for (const file of ['p12.3.m4s', 's12.m4s', 'init-0.mp4']) {
    const target = `${FOLDER}/${file}`;
    t.strictSame(parseSharedRequest(target), {
      streamId: 'stream-1',
      broadcastId: 'broadcast-1',
      target,
      kind: 'media',
      hasToken: false,
    });
    t.match(parseSharedRequest(`${target}?v=a`), { target, hasToken: true });
    t.match(parseSharedRequest(`${target}?_HLS_msn=1`), { target, hasToken: false });
  }
});

t.test('URLs that only the gateway understands are not shared', async (t) => {
  for (const url of [
    '/hls/stream-1/index.m3u8',
    '/hls/stream-1/index.m3u8?v=a',
    '/api/livestream',
    `${FOLDER}/index.m3u8/`,
    `${FOLDER}/p%31.0.m4s`,
    `${FOLDER}/../source/index.m3u8`,
    `http://example.org${FOLDER}/index.m3u8`,
    `${FOLDER}/index.m3u8?_HLS_msn=1&_HLS_msn=2`,
    `${FOLDER}/index.m3u8?_HLS_msn=`,
    `${FOLDER}/index.m3u8?_HLS_msn`,
    `${FOLDER}/index.m3u8?_HLS_msn=%31`,
    `${FOLDER}/index.m3u8?%5fHLS_msn=1`,
    `${FOLDER}/index.m3u8?v=a&v=b`,
    `${FOLDER}/index.m3u8?_HLS_msn=1\r\nx`,
  ])
    t.equal(parseSharedRequest(url), undefined, url);
});
