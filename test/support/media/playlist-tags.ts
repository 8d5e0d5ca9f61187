/** Attributes of each tag of RFC 8216bis (section 4.4) that the gateway may write; undefined for tags without a list. */
const TAGS: ReadonlyMap<string, readonly string[] | undefined> = new Map([
  ['EXTM3U', undefined],
  ['EXT-X-VERSION', undefined],
  ['EXT-X-INDEPENDENT-SEGMENTS', undefined],
  ['EXT-X-TARGETDURATION', undefined],
  ['EXT-X-MEDIA-SEQUENCE', undefined],
  ['EXT-X-DISCONTINUITY-SEQUENCE', undefined],
  ['EXT-X-DISCONTINUITY', undefined],
  ['EXT-X-ENDLIST', undefined],
  ['EXT-X-GAP', undefined],
  ['EXT-X-PROGRAM-DATE-TIME', undefined],
  ['EXTINF', undefined],
  ['EXT-X-PART-INF', ['PART-TARGET']],
  ['EXT-X-SERVER-CONTROL', ['CAN-BLOCK-RELOAD', 'CAN-SKIP-UNTIL', 'HOLD-BACK', 'PART-HOLD-BACK']],
  ['EXT-X-MAP', ['URI']],
  ['EXT-X-PART', ['DURATION', 'URI', 'INDEPENDENT', 'GAP']],
  ['EXT-X-SKIP', ['SKIPPED-SEGMENTS']],
  ['EXT-X-PRELOAD-HINT', ['TYPE', 'URI']],
  ['EXT-X-RENDITION-REPORT', ['URI', 'LAST-MSN', 'LAST-PART']],
  ['EXT-X-MEDIA', ['TYPE', 'GROUP-ID', 'NAME', 'DEFAULT', 'AUTOSELECT', 'CHANNELS', 'URI']],
  [
    'EXT-X-STREAM-INF',
    ['BANDWIDTH', 'AVERAGE-BANDWIDTH', 'CODECS', 'RESOLUTION', 'FRAME-RATE', 'AUDIO', 'VIDEO-RANGE'],
  ],
]);

/** Returns tags and attributes that RFC 8216bis does not have: players and parsers ignore those without a word. */
export function unknownTags(playlist: string): string[] {
  const unknown: string[] = [];
  for (const line of playlist.split('\n')) {
    if (!line.startsWith('#')) continue;
    const [, tag = '', list = ''] = /^#([^:]*):?(.*)$/.exec(line) ?? [];
    if (!TAGS.has(tag)) {
      unknown.push(tag);
      continue;
    }
    const attributes = TAGS.get(tag);
    if (!attributes) continue;
    for (const [, name = ''] of list.matchAll(/(?:^|,)([^=,"]+)=(?:"[^"]*"|[^,"]*)/g))
      if (!attributes.includes(name)) unknown.push(`${tag}:${name}`);
  }
  return unknown;
}
