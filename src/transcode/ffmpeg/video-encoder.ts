/** Who encodes: libx264 on the processor, or a hardware encoder by its family. */
export type VideoEncoder = 'software' | 'nvenc' | 'vaapi' | 'qsv' | 'videotoolbox';

export type VideoEncoderSettings = {
  encoder: VideoEncoder;
  /** libx264 preset (software only). */
  preset: string;
  /** Threads of one libx264: each one is a slice of the picture, and many of them cost quality. */
  threads: number;
  /** DRM render node (VAAPI only). */
  vaapiDevice: string;
};

/** H.264 profiles: baseline for those who may not read more, at the price of some bits. */
export type VideoProfile = 'baseline' | 'high';

/** How ffmpeg is told to use an encoder. */
export type EncoderArguments = {
  /** Options of the whole process: devices. */
  global: string[];
  /** What the end of the filter chain must do to the picture before this encoder takes it. */
  filter: string;
  /** Options of one output: the encoder, tuned to give a picture out for every picture in. */
  output: string[];
};

export const DEFAULT_VAAPI_DEVICE = '/dev/dri/renderD128';

/** More pictures than any run of forced keyframes is apart: the encoder must not add keyframes of its own. */
const GROUP_OF_PICTURES = ['-g', '600'];

/**
 * The arguments for one encoder. All are set up alike: no B-frames and no look-ahead (they would delay this
 * rendition behind a passed-through one), keyframes only where they are forced, and those as IDR pictures.
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
