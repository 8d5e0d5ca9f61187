/** Encoder: libx264, or a family of hardware encoders. */
export type VideoEncoder = 'software' | 'nvenc' | 'vaapi' | 'qsv' | 'videotoolbox';

export type VideoEncoderSettings = {
  encoder: VideoEncoder;
  /** libx264 preset (software only). */
  preset: string;
  /** Slices and threads of one libx264; more of them reduce quality. */
  threads: number;
  /** DRM render node (VAAPI only). */
  vaapiDevice: string;
};

/** H.264 profile; baseline for WebRTC, at a higher bit rate. */
export type VideoProfile = 'baseline' | 'high';

/** Arguments of a video encoder. */
export type EncoderArguments = {
  /** Options of the process: devices. */
  global: string[];
  /** End of the filter chain: pixel format and upload. */
  filter: string;
  /** Options of one output; one frame out per frame in. */
  output: string[];
};

export const DEFAULT_VAAPI_DEVICE = '/dev/dri/renderD128';

/** Above any forced interval, so that the encoder adds no keyframes. */
const GROUP_OF_PICTURES = ['-g', '600'];

/**
 * Returns the arguments of an encoder: no B-frames and no look-ahead (both would delay it behind a passed-through
 * rendition), and IDR frames only where forced.
 */
export function encoderArguments(
  settings: VideoEncoderSettings,
  profile: VideoProfile = 'high',
): EncoderArguments {
  switch (settings.encoder) {
    case 'software':
      return {
        global: [],
        filter: 'format=yuv420p',
        output: [
          ...['-c:v', 'libx264', '-preset', settings.preset, '-tune', 'zerolatency', '-profile:v', profile],
          ...GROUP_OF_PICTURES,
          ...['-threads', String(settings.threads)],
          ...['-keyint_min', '1', '-sc_threshold', '0', '-forced-idr', '1', '-flags', '+cgop'],
        ],
      };
    case 'nvenc':
      return {
        global: [],
        filter: 'format=yuv420p',
        output: [
          ...['-c:v', 'h264_nvenc', '-preset', 'p4', '-tune', 'll', '-rc', 'vbr', '-profile:v', profile],
          ...GROUP_OF_PICTURES,
          ...['-bf', '0', '-delay', '0', '-zerolatency', '1', '-no-scenecut', '1', '-forced-idr', '1'],
        ],
      };
    case 'vaapi':
      return {
        global: ['-vaapi_device', settings.vaapiDevice],
        filter: 'format=nv12,hwupload',
        output: [
          ...['-c:v', 'h264_vaapi', '-rc_mode', 'VBR'],
          ...['-profile:v', profile === 'baseline' ? 'constrained_baseline' : profile],
          ...GROUP_OF_PICTURES,
          ...['-bf', '0', '-idr_interval', '0', '-async_depth', '1'],
        ],
      };
    case 'qsv':
      return {
        global: [],
        filter: 'format=nv12',
        output: [
          ...['-c:v', 'h264_qsv', '-preset', 'veryfast', '-profile:v', profile, '-look_ahead', '0'],
          ...GROUP_OF_PICTURES,
          ...['-bf', '0', '-async_depth', '1', '-forced_idr', '1'],
        ],
      };
    case 'videotoolbox':
      return {
        global: [],
        filter: 'format=yuv420p',
        output: [
          ...['-c:v', 'h264_videotoolbox', '-profile:v', profile, '-realtime', '1', '-allow_sw', '0'],
          ...GROUP_OF_PICTURES,
          ...['-bf', '0'],
        ],
      };
  }
}
