import t from 'tap';
import { orderedCodecs, sendEncodings } from '../../../src/web/broadcast/encodings.js';

t.test('simulcast at 720p gives three layers with shares of the bit rate, the largest last', async (t) => {
  const layers = sendEncodings({ bitrate: 2_500_000, simulcast: true, height: 720 });
  t.same(
    layers.map(({ rid, scaleResolutionDownBy }) => [rid, scaleResolutionDownBy]),
    [
      ['l', 4],
      ['m', 2],
      ['h', 1],
    ],
  );
  t.same(
    layers.map(({ maxBitrate }) => maxBitrate),
    [175_000, 650_000, 2_500_000],
  );
});

t.test('low resolutions give fewer layers, and no layer exceeds the total bit rate', async (t) => {
  t.same(
    sendEncodings({ bitrate: 800_000, simulcast: true, height: 360 }).map(({ rid }) => rid),
    ['m', 'h'],
  );
  for (const height of [120, 240, 360, 720, 1080])
    for (const bitrate of [50_000, 800_000, 6_000_000])
      for (const { maxBitrate } of sendEncodings({ bitrate, simulcast: true, height }))
        t.ok(maxBitrate > 0 && maxBitrate <= bitrate);
});

t.test('without simulcast there is one encoding without a rid', async (t) => {
  t.same(sendEncodings({ bitrate: 1_200_000, simulcast: false, height: 480 }), [{ maxBitrate: 1_200_000 }]);
});

t.test('the preferred codec is sorted first, the others keep their order', async (t) => {
  const codec = (mimeType: string, sdpFmtpLine?: string) => ({
    mimeType,
    ...(sdpFmtpLine === undefined ? {} : { sdpFmtpLine }),
  });
  const codecs = [
    codec('video/VP8'),
    codec('video/rtx'),
    codec('video/H264', 'level-asymmetry-allowed=1;packetization-mode=0;profile-level-id=42e01f'),
    codec('video/H264', 'level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=4d001f'),
    codec('video/H264', 'level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f'),
    codec('video/AV1'),
  ];
  t.same(
    orderedCodecs(codecs, 'h264').map((codec) => codecs.indexOf(codec)),
    [4, 3, 2, 0, 1, 5],
  );
  t.same(
    orderedCodecs(codecs, 'vp8').map((codec) => codecs.indexOf(codec)),
    [0, 1, 2, 3, 4, 5],
  );
  t.same(
    orderedCodecs([codec('video/VP8')], 'h264').map(({ mimeType }) => mimeType),
    ['video/VP8'],
    'a browser without the preferred codec',
  );
});
