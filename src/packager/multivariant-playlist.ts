import type { RenditionWindow } from './rendition-window.js';

/** Rendition in a multivariant playlist; rates in bits per second. */
type Variant = {
  codec: string;
  bandwidth: number;
  averageBandwidth: number;
};
type VideoVariant = Variant & { width: number; height: number; frameRate: number | undefined };
type AudioVariant = Variant & { channels: number };

/** Rendition of a recorded video. */
export type RecordedVariant = {
  /** Name in URLs, such as `720p`. */
  id: string;
} & (({ kind: 'video' } & VideoVariant) | ({ kind: 'audio' } & AudioVariant));

const AUDIO_GROUP = 'audio';

/**
 * Renders the multivariant playlist (RFC 8216bis, 4.4.6): one variant per video rendition, best first, each with the
 * audio group if there is audio; then the audio alone. Suspended renditions are listed too.
 */
export function renderMultivariantPlaylist(broadcastId: string, windows: readonly RenditionWindow[]): string {
  const videos: (VideoVariant & { uri: string })[] = [];
  const audios: (AudioVariant & { uri: string })[] = [];
  for (const window of windows) {
    const { id, suspended, frameRate } = window;
    const init = window.init ?? suspended;
    if (window.retired || !init || !(window.last || suspended)) continue;
    const { peak: bandwidth, average: averageBandwidth } = window.bandwidth;
    const uri = `${broadcastId}/${id}/index.m3u8`;
    const variant = { uri, codec: init.codec, bandwidth, averageBandwidth };
    if (init.kind === 'audio') audios.push({ ...variant, channels: init.channels });
    else videos.push({ ...variant, width: init.width, height: init.height, frameRate });
  }
  return renderVariants(videos, audios[0]);
}

/**
 * Renders the multivariant playlist of a recorded video. The URIs of its media playlists are relative to a folder beside
 * that of any video: `../VIDEO/RENDITION/index.m3u8`.
 */
export function generateHLSManifest(videoId: string, variants: readonly RecordedVariant[]): string {
  return recordedManifest(`../${videoId}`, variants);
}

/**
 * Renders the multivariant playlist of recorded renditions.
 *
 * @param folder URI of the folder with a folder per rendition, without a trailing slash
 * @param startS position at which players start, s; undefined: they decide
 */
export function recordedManifest(
  folder: string,
  variants: readonly RecordedVariant[],
  startS?: number,
): string {
  const uriOf = ({ id }: RecordedVariant): string => `${folder}/${id}/index.m3u8`;
  const videos = variants.flatMap((one) => (one.kind === 'video' ? { ...one, uri: uriOf(one) } : []));
  const audio = variants.find(({ kind }) => kind === 'audio');
  return renderVariants(
    videos,
    audio?.kind === 'audio' ? { ...audio, uri: uriOf(audio) } : undefined,
    startS === undefined ? [] : [startTag(startS)],
  );
}

/** Renders the position at which players start (RFC 8216bis, 4.4.2.2). */
export function startTag(startS: number): string {
  return `#EXT-X-START:TIME-OFFSET=${startS.toFixed(3)},PRECISE=YES`;
}

function renderVariants(
  videos: readonly (VideoVariant & { uri: string })[],
  audio: (AudioVariant & { uri: string }) | undefined,
  further: readonly string[] = [],
): string {
  const lines = ['#EXTM3U', '#EXT-X-VERSION:9', '#EXT-X-INDEPENDENT-SEGMENTS', ...further];
  const grouped = audio && videos.length > 0 ? audio : undefined;
  if (grouped) {
    lines.push(
      `#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="${AUDIO_GROUP}",NAME="Audio",DEFAULT=YES,AUTOSELECT=YES,` +
        `CHANNELS="${grouped.channels}",URI="${grouped.uri}"`,
    );
  }
  const best = [...videos].sort((a, b) => b.height - a.height || b.averageBandwidth - a.averageBandwidth);
  for (const video of best) {
    const attributes = [
      `BANDWIDTH=${video.bandwidth + (audio?.bandwidth ?? 0)}`,
      `AVERAGE-BANDWIDTH=${video.averageBandwidth + (audio?.averageBandwidth ?? 0)}`,
      `CODECS="${audio ? `${video.codec},${audio.codec}` : video.codec}"`,
      `RESOLUTION=${video.width}x${video.height}`,
    ];
    if (video.frameRate !== undefined) attributes.push(`FRAME-RATE=${video.frameRate.toFixed(3)}`);
    if (grouped) attributes.push(`AUDIO="${AUDIO_GROUP}"`);
    lines.push(`#EXT-X-STREAM-INF:${attributes.join(',')}`, video.uri);
  }
  if (audio) {
    const attributes = [
      `BANDWIDTH=${audio.bandwidth}`,
      `AVERAGE-BANDWIDTH=${audio.averageBandwidth}`,
      `CODECS="${audio.codec}"`,
    ];
    if (grouped) attributes.push(`AUDIO="${AUDIO_GROUP}"`);
    lines.push(`#EXT-X-STREAM-INF:${attributes.join(',')}`, audio.uri);
  }
  lines.push('');
  return lines.join('\n');
}
