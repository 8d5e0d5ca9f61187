import t from 'tap';
import { ebmlSize, ebmlUnsigned } from '../../src/media/matroska/ebml.js';
import { readRemb } from '../../src/media/rtp/rtcp-reader.js';
import { receiverEstimatedBitrate } from '../../src/media/rtp/rtcp-writer.js';

const ABSURD = [0, -0, -1, -1e300, 1e300, 2 ** 53, 2 ** 64, Infinity, -Infinity, Number.NaN];

t.test(
  'integers of Matroska and RTCP end and stay within their bytes, whatever number they are given',
  async (t) => {
    for (const value of ABSURD) {
      t.ok(ebmlUnsigned(0xe7, value).length <= 10, `EBML ${value}`);
      t.ok(ebmlSize(value).length <= 8, `size ${value}`);
      const packet = receiverEstimatedBitrate(1, value, [2]);
      const bitrate = readRemb(packet, 0, packet.length);
      t.ok(bitrate !== undefined && bitrate >= 0 && bitrate <= 2 ** 53, `REMB ${value}: ${bitrate}`);
    }
  },
);
