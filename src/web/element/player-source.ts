/** Media that the address of a page or of its player names. */
export type PlayerSource = {
  kind: 'livestream' | 'recording' | 'clip' | 'video';
  id: string;
  /** Server of the media. */
  origin: string;
};

const KINDS: Record<string, PlayerSource['kind']> = {
  watch: 'livestream',
  embed: 'livestream',
  recordings: 'recording',
  clips: 'clip',
  videos: 'video',
};
const PATH = /\/(watch|embed|recordings|clips|videos)\/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\/?$/i;

/** Reads the address of a page; undefined: it has no player. @param base address of the page that holds the player */
export function playerSourceOf(address: string, base: string): PlayerSource | undefined {
  if (!URL.canParse(address, base)) return undefined;
  const { origin, pathname, protocol } = new URL(address, base);
  if (protocol !== 'http:' && protocol !== 'https:') return undefined;
  const [, page = '', id = ''] = PATH.exec(pathname) ?? [];
  const kind = KINDS[page];
  return kind && { kind, id: id.toLowerCase(), origin };
}
