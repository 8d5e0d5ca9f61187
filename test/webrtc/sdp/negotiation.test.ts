import t from 'tap';
import { PublicError } from '../../../src/platform/index.js';
import {
  parseOffer,
  planPublisher,
  planViewer,
  writeAnswer,
  writeViewerOffer,
} from '../../../src/webrtc/sdp/index.js';
import { LOCAL, type OfferName, offerText } from '../../support/clients/webrtc-offer.js';

/** Splits an answer into sections of lines, the session part first. */
function sectionsOf(answer: string): string[][] {
  return answer.split(/(?=^m=)/m).map((section) => section.trimEnd().split('\r\n'));
}

function refusal(task: () => unknown): { status: number; code: string; message: string } {
  try {
    task();
  } catch (error) {
    if (error instanceof PublicError) return error;
    throw error;
  }
  throw new Error('it was not refused');
}

const publish = (text: string): string => {
  const offer = parseOffer(text);
  return writeAnswer(offer, planPublisher(offer), LOCAL);
};

t.test(
  'a browser that offers three layers publishes all of them in H.264 constrained baseline',
  async (t) => {
    const offer = parseOffer(offerText('chromium-simulcast'));
    t.strictSame(offer.transport, {
      iceUfrag: 'S/T6',
      icePwd: 'qqvmPzrsQDQsj9che8wSjN/l',
      fingerprint:
        'sha-256 81:BF:43:E6:9F:BE:C8:FA:D9:1A:73:09:75:9E:D5:8E:28:51:53:1D:53:23:82:32:7A:90:01:65:6B:16:1D:FC',
      setup: 'actpass',
    });
    const plan = planPublisher(offer);
    t.strictSame(plan.video, {
      codec: 'h264',
      payloadType: 108,
      rtxPayloadType: 109,
      parameters: 'level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f',
      mid: '1',
      extensions: { mid: 4, rid: 10, repairedRid: 11, transportSequence: 3, contentType: 6 },
      feedback: { nack: true, pli: true, fir: true, remb: true, transportCc: true },
      rids: ['l', 'm', 'h'],
    });
    t.strictSame(plan.audio, {
      payloadType: 111,
      parameters: 'minptime=10;useinbandfec=1',
      mid: '0',
      extensions: { mid: 4, transportSequence: 3, audioLevel: 1 },
      feedback: { nack: false, pli: false, fir: false, remb: false, transportCc: true },
    });

    const [session, audio, video, ...more] = sectionsOf(writeAnswer(offer, plan, LOCAL));
    t.equal(more.length, 0);
    t.ok(session?.includes('a=group:BUNDLE 0 1'));
    t.strictSame(audio, [
      'm=audio 9 UDP/TLS/RTP/SAVPF 111',
      'c=IN IP4 0.0.0.0',
      'a=rtcp:9 IN IP4 0.0.0.0',
      'a=ice-ufrag:WxYz',
      'a=ice-pwd:abcdefghijklmnopqrstuv12',
      `a=fingerprint:${LOCAL.fingerprint}`,
      'a=setup:active',
      'a=mid:0',
      'a=recvonly',
      'a=rtcp-mux',
      'a=rtcp-rsize',
      'a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid',
      'a=extmap:3 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01',
      'a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level',
      'a=rtpmap:111 opus/48000/2',
      'a=fmtp:111 minptime=10;useinbandfec=1',
      'a=rtcp-fb:111 transport-cc',
      ...LOCAL.candidates.map((candidate) => `a=candidate:${candidate}`),
      'a=end-of-candidates',
    ]);
    t.strictSame(video?.slice(11), [
      'a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid',
      'a=extmap:10 urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id',
      'a=extmap:11 urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id',
      'a=extmap:3 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01',
      'a=extmap:6 http://www.webrtc.org/experiments/rtp-hdrext/video-content-type',
      'a=rtpmap:108 H264/90000',
      'a=fmtp:108 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f',
      'a=rtcp-fb:108 transport-cc',
      'a=rtcp-fb:108 goog-remb',
      'a=rtcp-fb:108 ccm fir',
      'a=rtcp-fb:108 nack',
      'a=rtcp-fb:108 nack pli',
      'a=rtpmap:109 rtx/90000',
      'a=fmtp:109 apt=108',
      'a=rid:l recv',
      'a=rid:m recv',
      'a=rid:h recv',
      'a=simulcast:recv l;m;h',
    ]);
  },
);

t.test('the best common codec is chosen for publishers', async (t) => {
  const codecOf = (name: OfferName, change = (text: string): string => text): unknown => {
    const { video } = planPublisher(parseOffer(change(offerText(name))));
    return video && [video.codec, video.payloadType, video.rtxPayloadType];
  };
  t.strictSame(codecOf('obs'), ['h264', 96, undefined]);
  t.strictSame(codecOf('firefox'), ['h264', 126, 127]);
  t.strictSame(codecOf('gstreamer'), ['vp8', 96, 97]);
  const without = (pattern: RegExp) => (text: string) => text.replace(pattern, 'H265/90000');
  t.strictSame(codecOf('firefox', without(/H264\/90000/g)), ['vp8', 120, 124]);
  t.strictSame(
    codecOf('chromium-simulcast', (text) => text.replace(/(H264|VP8)\/90000/g, 'H265/90000')),
    ['av1', 45, 46],
    'first supported codec of the offer',
  );
  t.strictSame(
    codecOf('firefox', (text) => text.replace('packetization-mode=1', 'packetization-mode=0')),
    ['h264', 126, 127],
    'packetization-mode=0 is the last choice',
  );
});

t.test('Opus parameters for stereo, FEC and DTX are kept', async (t) => {
  const fmtp = (name: OfferName): string | undefined =>
    /a=fmtp:\d+ (.*(?:stereo|fec).*)\r/.exec(publish(offerText(name)))?.[1];
  t.equal(fmtp('obs'), 'minptime=10;stereo=1;useinbandfec=1;maxaveragebitrate=96000');
  t.equal(fmtp('firefox'), 'stereo=1;useinbandfec=1;maxplaybackrate=48000');
  t.equal(fmtp('gstreamer'), 'stereo=1', 'sprop-stereo is answered with stereo=1');
  const dtx = offerText('chromium-simulcast').replace('useinbandfec=1', 'useinbandfec=1;usedtx=1');
  t.match(publish(dtx), 'a=fmtp:111 minptime=10;useinbandfec=1;usedtx=1\r\n');
});

t.test('HEVC of the Main profile is sent to viewers, and not taken of publishers', async (t) => {
  const hevcOf = (parameters: string): unknown => {
    const text = offerText('chromium-view')
      .replaceAll('a=rtpmap:45 AV1/90000', 'a=rtpmap:45 H265/90000')
      .replace('a=fmtp:45 level-idx=5;profile=0;tier=0', `a=fmtp:45 ${parameters}`);
    const offer = parseOffer(text);
    const plan = planViewer(offer);
    const found = plan.video?.codecs.find(({ codec }) => codec === 'hevc');
    if (found)
      t.match(writeAnswer(offer, plan, LOCAL), `a=rtpmap:45 H265/90000\r\na=fmtp:45 ${parameters}\r\n`);
    return found && [found.payloadType, found.rtxPayloadType];
  };
  t.strictSame(hevcOf('level-id=93;tx-mode=SRST'), [45, 46], 'the default profile');
  t.strictSame(hevcOf('level-id=180;profile-id=1;tier-flag=0'), [45, 46]);
  t.equal(hevcOf('level-id=180;profile-id=2;tier-flag=0'), undefined, 'Main 10');
  const hevcAlone = offerText('chromium-simulcast').replace(/(H264|VP8|VP9|AV1)\/90000/g, 'H265/90000');
  t.match(
    refusal(() => publish(hevcAlone)),
    { status: 406, code: 'no_common_codec' },
  );
});

t.test('a viewer is answered with all common codecs, and data channels are rejected', async (t) => {
  const offer = parseOffer(offerText('chromium-view'));
  const plan = planViewer(offer);
  const codecs = new Set(plan.video?.codecs.map(({ codec }) => codec));
  t.strictSame([...codecs].toSorted(), ['av1', 'h264', 'vp8', 'vp9']);
  const h264 = plan.video?.codecs.find(({ codec }) => codec === 'h264');
  t.match(h264?.parameters, /packetization-mode=1;profile-level-id=42e01f/);
  t.strictSame(plan.video?.feedback, { nack: true, pli: true, fir: true, remb: true, transportCc: false });
  const [session, , video, data] = sectionsOf(writeAnswer(offer, plan, LOCAL));
  t.ok(session?.includes('a=group:BUNDLE 0 1'));
  t.ok(video?.includes('a=sendonly'));
  t.ok(video?.includes('a=msid:headend video'));
  t.ok(video?.some((line) => /^a=ssrc-group:FID \d+ \d+$/.test(line)));
  t.strictSame(data, [
    'm=application 0 UDP/DTLS/SCTP webrtc-datachannel',
    'c=IN IP4 0.0.0.0',
    'a=mid:2',
    'a=inactive',
  ]);
});

t.test('a viewer is answered with each profile of H.264 that it offers, once', async (t) => {
  const profilesOf = (name: OfferName, change = (text: string): string => text): string[] => {
    const codecs = planViewer(parseOffer(change(offerText(name)))).video?.codecs ?? [];
    return codecs
      .filter(({ codec }) => codec === 'h264')
      .map(({ parameters }) => /profile-level-id=(\w+)/.exec(parameters ?? '')?.[1] ?? '');
  };
  t.strictSame(profilesOf('chromium-view'), ['42e01f', '42001f', '4d001f', 'f4001f']);
  t.strictSame(
    profilesOf('chromium-view', (text) => text.replaceAll('packetization-mode=1', 'packetization-mode=0')),
    ['42001f'],
    'one, when only packetization mode 0 is offered',
  );
});

t.test('sections outside the bundle, inactive or of the wrong direction are rejected in place', async (t) => {
  const unbundled = offerText('obs').replace('BUNDLE 0 1', 'BUNDLE 1');
  const [session, audio, video] = sectionsOf(publish(unbundled));
  t.ok(session?.includes('a=group:BUNDLE 1'));
  t.equal(audio?.[0], 'm=audio 0 UDP/TLS/RTP/SAVPF 111');
  t.equal(video?.[0], 'm=video 9 UDP/TLS/RTP/SAVPF 96');
  t.ok(video?.includes('a=end-of-candidates'), 'the first that is accepted has the candidates');

  const off = offerText('obs').replace('m=audio 34769', 'm=audio 0');
  t.equal(sectionsOf(publish(off))[1]?.[0], 'm=audio 0 UDP/TLS/RTP/SAVPF 111');
  t.match(sectionsOf(publish(offerText('firefox')))[2]?.[0], /^m=video 9 /, 'bundle-only has port 0');

  const listening = offerText('obs').replaceAll('a=sendonly', 'a=recvonly');
  t.match(
    refusal(() => publish(listening)),
    { status: 400, code: 'nothing_offered' },
  );
  const offer = parseOffer(listening);
  t.ok(planViewer(offer).video);
});

t.test('several sections require BUNDLE, a single one does not', async (t) => {
  const video = offerText('obs').replace(/m=audio[\s\S]*?(?=m=video)/, '');
  t.ok(publish(video.replace('a=group:BUNDLE 0 1\r\n', '')));
  t.match(
    refusal(() => publish(offerText('obs').replace('a=group:BUNDLE 0 1\r\n', ''))),
    { status: 400, code: 'bundle_required' },
  );
});

t.test('an offer without a common codec or with two tracks of a kind is rejected with 406', async (t) => {
  const unsupported = offerText('chromium-simulcast').replace(/(H264|VP8|VP9|AV1)\/90000/g, 'H265/90000');
  t.match(
    refusal(() => publish(unsupported)),
    {
      status: 406,
      code: 'no_common_codec',
      message: /video codec is supported. Supported: H264, VP8, VP9, AV1/,
    },
  );
  t.match(
    refusal(() => publish(offerText('obs').replace('opus/48000/2', 'PCMU/8000'))),
    { status: 406, code: 'no_common_codec', message: /audio codec is supported. Supported: Opus/ },
  );
  t.match(
    refusal(() =>
      planViewer(parseOffer(unsupported.replaceAll('H265', 'H266').replaceAll('a=sendonly', 'a=recvonly'))),
    ),
    { status: 406, code: 'no_common_codec' },
  );
  const text = offerText('obs');
  t.match(
    refusal(() => publish(text.replaceAll(/\b111\b/g, '96'))),
    { status: 400, message: /same payload type/ },
  );
  t.match(
    refusal(() => publish(text.replaceAll(/\b111\b/g, '72'))),
    { code: 'no_common_codec' },
    'payload types that collide with RTCP',
  );
  const second = text.slice(text.indexOf('m=video')).replace('a=mid:1', 'a=mid:2');
  t.match(
    refusal(() => publish(text.replace('BUNDLE 0 1', 'BUNDLE 0 1 2') + second)),
    { status: 406, code: 'too_many_tracks' },
  );
});

t.test(
  'at most three layers are taken, in the order of a=simulcast, the first of alternatives',
  async (t) => {
    const rids = (simulcast: string, lines: string): unknown => {
      const text = offerText('chromium-simulcast').replace(
        /a=rid:l send[\s\S]*$/,
        `${lines
          .split(' ')
          .map((rid) => `a=rid:${rid} send\r\n`)
          .join('')}a=simulcast:${simulcast}\r\n`,
      );
      return planPublisher(parseOffer(text)).video?.rids;
    };
    t.strictSame(rids('send h;m;l', 'l m h'), ['h', 'm', 'l']);
    t.strictSame(rids('send a;b;c;d', 'a b c d'), ['a', 'b', 'c']);
    t.strictSame(rids('recv x send a,b;~c', 'a b c'), ['a', 'c']);
    t.strictSame(rids('send a;ghost', 'a'), ['a'], 'a layer without a=rid is ignored');
    const unmarked = offerText('chromium-simulcast').replace(/a=extmap:10 .*\r\n/, '');
    t.strictSame(planPublisher(parseOffer(unmarked)).video?.rids, [], 'no layers without the rid extension');
  },
);

t.test('errors name the fault and do not quote the description', async (t) => {
  const good = offerText('obs');
  const cases: [string, string, RegExp][] = [
    ['not SDP', 'hello', /a line does not begin with a type and = \(line 1\)/],
    ['empty', '', /does not begin with v=0/],
    ['no media', 'v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\n', /describes no media/],
    ['no mid', good.replaceAll(/a=mid:.\r\n/g, ''), /a=mid/],
    ['twice the same mid', good.replace('a=mid:1', 'a=mid:0'), /same a=mid/],
    ['no rtcp-mux', good.replaceAll('a=rtcp-mux\r\n', ''), /rtcp-mux/],
    ['no password', good.replaceAll(/a=ice-pwd:.*\r\n/g, ''), /ice-pwd is missing/],
    ['a short password', good.replaceAll(/a=ice-pwd:.*\r\n/g, 'a=ice-pwd:short\r\n'), /ice-pwd/],
    ['no fingerprint', good.replace(/a=fingerprint:.*\r\n/, ''), /fingerprint is missing/],
    ['SHA-1', good.replace(/a=fingerprint:sha-256/, 'a=fingerprint:sha-1'), /must be SHA-256/],
    ['half a fingerprint', good.replace(':88:60:C5', ''), /must be SHA-256/],
    ['a strange setup', good.replaceAll('a=setup:actpass', 'a=setup:holdconn'), /a=setup/],
    ['a bare CR', good.replace('s=-', 's=-\rm=audio 1 2 3'), /control character \(line 3\)/],
    ['NUL', good.replace('s=-', 's=\0'), /control character/],
    ['a long line', good.replace('s=-', `s=${'x'.repeat(9_000)}`), /line is too long/],
    ['many lines', good + 'a=x\r\n'.repeat(5_000), /more than 4000 lines/],
    ['many sections', good + 'm=audio 9 X 0\r\n'.repeat(40), /too many media sections/],
    ['an absurd rid', `${good}a=rid:${'r'.repeat(300)} send\r\n`, /a=rid/],
    ['a payload type of 999', good.replace('a=rtpmap:96', 'a=rtpmap:999'), /a=rtpmap/],
    ['an extension without id', `${good}a=extmap:0 urn:x\r\n`, /a=extmap/],
    ['letters in fmtp', good.replace('minptime', 'minptime\u00e9'), /a=fmtp/],
  ];
  for (const [name, text, message] of cases) {
    const error = refusal(() => publish(text));
    t.equal(error.status, 400, name);
    t.equal(error.code, 'sdp_invalid', name);
    t.match(error.message, message, name);
  }
  t.match(
    refusal(() => publish(good + 'a=x:y\r\n'.repeat(12_000))),
    { status: 413, code: 'sdp_too_large' },
  );
});

t.test('an offer to a viewer has all codecs, and its answer is parsed like an offer', async (t) => {
  const text = writeViewerOffer({ ...LOCAL, setup: 'actpass' });
  const offer = parseOffer(text);
  t.equal(offer.transport.setup, 'actpass');
  t.strictSame(
    offer.media.map(({ kind, direction }) => [kind, direction]),
    [
      ['audio', 'sendonly'],
      ['video', 'sendonly'],
    ],
  );
  const answer = text
    .replaceAll('a=sendonly', 'a=recvonly')
    .replaceAll('actpass', 'active')
    .replaceAll(/a=rtpmap:\d+ H264.*\r\n/g, '');
  const plan = planViewer(parseOffer(answer));
  t.strictSame(
    plan.video?.codecs.map(({ codec, payloadType, rtxPayloadType }) => [codec, payloadType, rtxPayloadType]),
    [
      ['vp8', 96, 97],
      ['vp9', 98, 99],
      ['av1', 104, 105],
    ],
    'codecs that the viewer omitted are not sent',
  );
  t.match(plan.audio, { payloadType: 111, mid: '0' });
  t.match(text, `a=ssrc:${plan.video?.ssrc} cname:headend\r\n`, 'and it is sent as announced');
});

t.test(
  'an offer to a viewer has each H.264 profile, and those that the answer omits are not sent',
  async (t) => {
    const answer = writeViewerOffer({ ...LOCAL, setup: 'actpass' })
      .replaceAll('a=sendonly', 'a=recvonly')
      .replaceAll('actpass', 'active');
    const profilesOf = (text: string): unknown[] =>
      (planViewer(parseOffer(text)).video?.codecs ?? []).flatMap(({ codec, rtxPayloadType, parameters }) =>
        codec === 'h264' ? [[/profile-level-id=(\w+)/.exec(parameters ?? '')?.[1], rtxPayloadType]] : [],
      );
    const all = [
      ['42e01f', 103],
      ['4d001f', 107],
      ['64001f', 109],
      ['f4001f', 113],
    ];
    t.strictSame(profilesOf(answer), all);
    t.strictSame(profilesOf(answer.replace(/a=rtpmap:108 .*\r\n/, '')), [all[0], all[1], all[3]]);
  },
);
