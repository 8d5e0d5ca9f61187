import type { VideoIndex } from '../recordings/index.js';
import type { TranscodedVideo } from '../transcode/index.js';

/** Returns the index of a transcoded video, as of a recording that began when the video was uploaded. */
export function videoIndex({ files, durationS, byteLength }: TranscodedVideo, startedAt: Date): VideoIndex {
  const segments: VideoIndex['segments'][number][] = [];
  for (const [fileNumber, file] of files.entries()) {
    let byteOffset = file.init.data.length;
    let positionS = 0;
    for (const [msn, segment] of file.segments.entries()) {
      const programDateTimeMs = startedAt.getTime() + positionS * 1_000;
      segments.push({ ...segment, fileNumber, msn, byteOffset, programDateTimeMs });
      byteOffset += segment.byteLength;
      positionS += segment.durationS;
    }
  }
  return {
    ...{ segments, durationS, sizeBytes: byteLength },
    files: files.map(({ rendition, init, frameRate }, number) => ({
      ...{ number, rendition, kind: init.kind, run: 0, codec: init.codec, msnOffset: 0 },
      ...(init.kind === 'video'
        ? { width: init.width, height: init.height, frameRate: frameRate ?? null, channels: null }
        : { width: null, height: null, frameRate: null, channels: init.channels }),
      initBytes: init.data.length,
    })),
  };
}
