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

/** Maximum digits of a number in a path. */
const MAXIMUM_DIGITS = 10;
const PLAYLIST = 'index.m3u8';
const ZERO = 48;

/** Parses the path after `/hls/`; undefined for a path that no resource has. Called for each part of each viewer. */
export function parseHlsPath(path: string): HlsPath | undefined {
  const first = path.indexOf('/');
  if (first <= 0) return undefined;
  const streamId = path.slice(0, first);
  const second = path.indexOf('/', first + 1);
  if (second < 0) return path.slice(first + 1) === PLAYLIST ? { streamId, name: 'multivariant' } : undefined;
  const third = path.indexOf('/', second + 1);
  if (second === first + 1 || third <= second + 1 || path.includes('/', third + 1)) return undefined;
  const place = {
    streamId,
    broadcastId: path.slice(first + 1, second),
    rendition: path.slice(second + 1, third),
  };
  const file = path.slice(third + 1);
  if (file === PLAYLIST) return { ...place, name: 'media' };
  if (file.startsWith('init-')) {
    const run = numberIn(file, 'init-', '.mp4');
    return run === undefined ? undefined : { ...place, name: 'init', run };
  }
  if (file.startsWith('s')) {
    const msn = numberIn(file, 's', '.m4s');
    return msn === undefined ? undefined : { ...place, name: 'segment', msn };
  }
  const dot = file.indexOf('.');
  const msn = numberIn(file.slice(0, dot + 1), 'p', '.');
  const part = numberIn(file.slice(dot), '.', '.m4s');
  return msn === undefined || part === undefined ? undefined : { ...place, name: 'part', msn, part };
}

/** Reads the number between `prefix` and `suffix`. No leading zeros: one URL per resource, so that caches hold none twice. */
function numberIn(text: string, prefix: string, suffix: string): number | undefined {
  if (!text.startsWith(prefix) || !text.endsWith(suffix)) return undefined;
  const digits = text.length - prefix.length - suffix.length;
  if (digits < 1 || digits > MAXIMUM_DIGITS) return undefined;
  let value = 0;
  for (let at = prefix.length; at < prefix.length + digits; at++) {
    const digit = text.charCodeAt(at) - ZERO;
    if (digit < 0 || digit > 9) return undefined;
    value = value * 10 + digit;
  }
  return digits > 1 && text.charCodeAt(prefix.length) === ZERO ? undefined : value;
}
