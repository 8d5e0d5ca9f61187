/** Rendition in the multivariant playlist; rates in bits per second. */
export type Variant = {
  uri: string;
  codec: string;
  bandwidth: number;
  averageBandwidth: number;
};
export type VideoVariant = Variant & { width: number; height: number; frameRate: number | undefined };
export type AudioVariant = Variant & { channels: number };

const AUDIO_GROUP = 'audio';

/**
 * Renders the multivariant playlist (RFC 8216bis, 4.4.6): one variant per video rendition, best first, each with the
 * audio group if there is audio; then the audio alone.
 */
export function renderMultivariantPlaylist(
  videos: readonly VideoVariant[],
  audio: AudioVariant | undefined,
): string {
  const lines = ['#EXTM3U', '#EXT-X-VERSION:9', '#EXT-X-INDEPENDENT-SEGMENTS'];
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
