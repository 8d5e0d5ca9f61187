/** Resource named by a path below `/hls/`; it need not exist. */
export type HlsPath = { streamId: string } & (
  | { name: 'multivariant' }
  | ({ broadcastId: string; rendition: string } & (
      | { name: 'media' }
      | { name: 'init'; run: number }
      | { name: 'segment'; msn: number }
      | { name: 'part'; msn: number; part: number }
    ))
);

/** No leading zeros: one URL for each resource, so that caches hold none twice. */
const NUMBER = '(0|[1-9][0-9]{0,9})';
const INIT = new RegExp(`^init-${NUMBER}\\.mp4$`);
const SEGMENT = new RegExp(`^s${NUMBER}\\.m4s$`);
const PART = new RegExp(`^p${NUMBER}\\.${NUMBER}\\.m4s$`);
const PLAYLIST = 'index.m3u8';

/** Parses the path after `/hls/`; undefined for a path that no resource has. */
export function parseHlsPath(path: string): HlsPath | undefined {
  const [streamId, second, rendition, file, ...rest] = path.split('/', 5);
  if (!streamId || !second || rest.length > 0) return undefined;
  if (rendition === undefined) return second === PLAYLIST ? { streamId, name: 'multivariant' } : undefined;
  if (!rendition || !file) return undefined;
  const place = { streamId, broadcastId: second, rendition };
  if (file === PLAYLIST) return { ...place, name: 'media' };
  const part = PART.exec(file);
  if (part) return { ...place, name: 'part', msn: Number(part[1]), part: Number(part[2]) };
  const segment = SEGMENT.exec(file);
  if (segment) return { ...place, name: 'segment', msn: Number(segment[1]) };
  const init = INIT.exec(file);
  return init ? { ...place, name: 'init', run: Number(init[1]) } : undefined;
}
