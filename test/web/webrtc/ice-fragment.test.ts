import t from 'tap';
import { iceFragment } from '../../../src/web/webrtc/ice-fragment.js';
import { parseTrickleFragment } from '../../../src/webrtc/sdp/index.js';

const OFFER = [
  'v=0',
  'm=audio 9 UDP/TLS/RTP/SAVPF 111',
  'a=ice-ufrag:abcd',
  'a=ice-pwd:0123456789012345678901',
  'a=mid:0',
  'm=video 9 UDP/TLS/RTP/SAVPF 96',
  'a=ice-ufrag:abcd',
  'a=ice-pwd:0123456789012345678901',
  'a=mid:1',
  '',
].join('\r\n');

t.test('a fragment holds the credentials and candidates of the first media section only', async (t) => {
  const candidate = 'candidate:1 1 udp 2122260223 192.0.2.1 61764 typ host';
  const fragment = iceFragment(OFFER, [
    { candidate, sdpMid: '0' },
    { candidate: 'candidate:2 1 udp 1 192.0.2.1 9 typ host', sdpMid: '1' },
    { candidate: '', sdpMid: '0' },
  ]);
  t.equal(
    fragment,
    'a=ice-ufrag:abcd\r\na=ice-pwd:0123456789012345678901\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\n' +
      `a=${candidate}\r\na=end-of-candidates\r\n`,
  );
  t.same(parseTrickleFragment(fragment), { iceUfrag: 'abcd', candidates: 1 }, 'the server parses it');
});
