import type { VideoCodec } from '../source-info.js';
import { Av1Normaliser } from './av1-normaliser.js';
import { h264Syntax } from './h264-syntax.js';
import { hevcSyntax } from './hevc-syntax.js';
import { NalNormaliser } from './nal-normaliser.js';
import type { VideoNormaliser, VideoSink } from './video-normaliser.js';
import { VpxNormaliser } from './vpx-normaliser.js';

/** Headers of configuration tags: AVCPacketType 0 (annex E.4.3.2), and a sequence start with a FourCC (Enhanced RTMP v2). */
const AVC_HEAD = Buffer.from([0x17, 0, 0, 0, 0]);
const HEVC_HEAD = Buffer.from('\x90hvc1', 'latin1');

/** Creates the normaliser of a codec that RTMP can carry. */
export function createVideoNormaliser(codec: VideoCodec, sink: VideoSink): VideoNormaliser {
  if (codec === 'h264') return new NalNormaliser(h264Syntax, AVC_HEAD, sink);
  if (codec === 'hevc') return new NalNormaliser(hevcSyntax, HEVC_HEAD, sink);
  return codec === 'av1' ? new Av1Normaliser(sink) : new VpxNormaliser(codec, sink);
}
