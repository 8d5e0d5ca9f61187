import t from 'tap';
import { PublicError } from '../../../src/platform/index.js';
import {
  parseOffer,
  parseTrickleFragment,
  planPublisher,
  planViewer,
  writeAnswer,
} from '../../../src/webrtc/sdp/index.js';
import { LOCAL, OFFERS, offerText } from '../../support/clients/webrtc-offer.js';
import { seededRandom } from '../../support/media/seeded-random.js';

const ROUNDS = 4_000;
/** Injection attempts. */
const INJECTIONS = [
  '\r\na=evil:1\r\n',
  '\ra=evil:1',
  '\na=evil:1',
  '\0',
  '\u2028a=evil:1',
  '%0d%0aa=evil:1',
  'a=evil:1',
  ' ',
  ':',
  '-1',
  '99999999999999999999',
  'x'.repeat(300),
  'é',
  '__proto__',
  'constructor',
  '=',
  ';',
  '*',
];
/** Lines allowed in an answer; client text appears as tokens only. */
const TOKEN = "[A-Za-z0-9!#$%&'*+.^_`{|}~-]+";
const ANSWER_LINE = new RegExp(
  `^(${[
    'v=0',
    'o=- \\d+ 1 IN IP4 127\\.0\\.0\\.1',
    's=-',
    't=0 0',
    `a=group:BUNDLE( ${TOKEN})+`,
    'a=msid-semantic: WMS \\*',
    'a=ice-options:trickle',
    `m=${TOKEN} (0|9) [\\w/.!#$%&'*+^\`{|}~-]+( ${TOKEN})+`,
    'c=IN IP4 0\\.0\\.0\\.0',
    'a=rtcp:9 IN IP4 0\\.0\\.0\\.0',
    'a=ice-ufrag:WxYz',
    'a=ice-pwd:abcdefghijklmnopqrstuv12',
    `a=fingerprint:${LOCAL.fingerprint}`,
    'a=setup:active',
    `a=mid:${TOKEN}`,
    'a=(recvonly|sendonly|inactive|rtcp-mux|rtcp-rsize|end-of-candidates)',
    'a=extmap:\\d+ (urn:ietf:params:rtp-hdrext:(sdes:[a-z-]+|ssrc-audio-level)|http://www\\.[\\w./-]+)',
    'a=rtpmap:\\d+ (opus/48000/2|(H264|VP8|VP9|AV1|rtx)/90000)',
    'a=fmtp:\\d+ [\\x20-\\x7e]+',
    'a=rtcp-fb:\\d+ (transport-cc|goog-remb|ccm fir|nack|nack pli)',
    'a=rid:[\\w-]{1,16} recv',
    'a=simulcast:recv [\\w-]{1,16}(;[\\w-]{1,16})*',
    'a=msid:headend (audio|video)',
    'a=ssrc:\\d+ cname:headend',
    'a=ssrc-group:FID \\d+ \\d+',
    'a=candidate:\\d 1 UDP \\d+ \\S+ 8189 typ host',
  ].join('|')})$`,
);

t.test('mutated offers are rejected with a clean message or answered with valid lines only', async (t) => {
  const random = seededRandom(20261122);
  const below = (limit: number): number => Math.floor(random() * limit);
  const pick = <T>(from: readonly T[]): T => from[below(from.length)]!;
  const texts = OFFERS.map(offerText);
  const mutate = (text: string): string => {
    const lines = text.split('\r\n');
    const at = below(lines.length);
    const line = lines[at] ?? '';
    const middle = below(line.length + 1);
    switch (below(8)) {
      case 0:
        lines.splice(at, 1 + below(4));
        break;
      case 1:
        lines.splice(at, 0, pick(lines));
        break;
      case 2:
        lines[at] = pick(lines);
        break;
      case 3:
        lines[at] = line.slice(0, middle);
        break;
      case 4:
        lines[at] = line.replace(/\d+/, () => String(below(2) ? below(1_000) : below(2 ** 32)));
        break;
      case 5:
        lines[at] = line.replace(/[ :;/=]/, () => pick([' ', ':', ';', '/', '=', '']));
        break;
      case 6:
        lines[at] = line.slice(0, middle) + String.fromCharCode(below(256)) + line.slice(middle + 1);
        break;
      default:
        lines[at] = line.slice(0, middle) + pick(INJECTIONS) + line.slice(middle + below(3));
    }
    return lines.join('\r\n');
  };
  let answered = 0;
  let refused = 0;
  const wrong: string[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    let text = pick(texts);
    for (let mutations = 1 + below(4); mutations > 0; mutations--) text = mutate(text);
    for (const plan of [planPublisher, planViewer]) {
      try {
        const offer = parseOffer(text);
        const answer = writeAnswer(offer, plan(offer), LOCAL);
        answered++;
        if (!answer.endsWith('\r\n')) wrong.push('no line end');
        const lines = answer.slice(0, -2).split('\r\n');
        if (lines.filter((line) => line.startsWith('m=')).length !== offer.media.length)
          wrong.push('number of sections differs from the offer');
        for (const line of lines) if (!ANSWER_LINE.test(line)) wrong.push(`${round}: ${line}`);
      } catch (error) {
        refused++;
        if (!(error instanceof PublicError) || ![400, 406, 413].includes(error.status))
          wrong.push(`${round}: ${String(error)}`);
        else if (/[^\x20-\x7e]|evil|x{9}/.test(error.message)) wrong.push(`quoted: ${error.message}`);
      }
    }
  }
  t.strictSame(wrong.slice(0, 5), []);
  t.ok(answered > ROUNDS / 4, `${answered} answered`);
  t.ok(refused > ROUNDS / 4, `${refused} refused`);
});

t.test('mutated fragments are parsed or rejected with a PublicError', async (t) => {
  const random = seededRandom(7);
  const good =
    'a=ice-ufrag:S/T6\r\na=ice-pwd:qqvmPzrsQDQsj9che8wSjN/l\r\nm=audio 9 X 0\r\na=mid:0\r\na=candidate:1 1 udp 1 192.0.2.1 1 typ host\r\na=end-of-candidates\r\n';
  t.strictSame(parseTrickleFragment(good), { iceUfrag: 'S/T6', candidates: 1 });
  let refused = 0;
  for (let round = 0; round < 2_000; round++) {
    const at = Math.floor(random() * good.length);
    const text =
      good.slice(0, at) + INJECTIONS[round % INJECTIONS.length] + good.slice(at + Math.floor(random() * 9));
    try {
      parseTrickleFragment(text);
    } catch (error) {
      refused++;
      if (!(error instanceof PublicError)) throw error;
    }
  }
  t.ok(refused > 200 && refused < 1_900, `${refused} refused`);
});
