/** Page that is requested: its route, and the parameters in its path. */
export type PageAddress = { path: string; params: Record<string, string> };

/** Description of a page, for search engines and for sites that show a link to it. */
export type PageHead = {
  title: string;
  description: string;
  /** Canonical address. */
  url: string;
  /** Type of the Open Graph protocol. */
  type: 'profile' | 'video.other';
  /** Address of a picture. */
  image?: string | undefined;
  /** Page with the player alone, and the address of its oEmbed description. */
  player?: { url: string; oembed: string } | undefined;
  author?: { name: string; url: string } | undefined;
};

/** @returns `missing`: there is no such page; undefined: it is not described */
export type DescribePage = (page: PageAddress) => Promise<PageHead | 'missing' | undefined>;

export const SITE = 'Headend';
/** Size of the player where a site does not ask for another one, pixels. */
export const PLAYER_SIZE = { width: 1280, height: 720 };
/** Characters of a description. */
const MAXIMUM_DESCRIPTION = 300;
const ESCAPES: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Escapes text for content and quoted attributes of HTML. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ESCAPES[character] ?? '');
}

/** Returns the document with the title and the description of a page in its head. */
export function withHead(document: string, head: PageHead): string {
  const { title, url, player } = head;
  const lines = [
    `<title>${escapeHtml(title)} · ${SITE}</title>`,
    `<link rel="canonical" href="${escapeHtml(url)}">`,
    ...(player
      ? [`<link rel="alternate" type="application/json+oembed" href="${escapeHtml(player.oembed)}">`]
      : []),
    ...metaTags(head).map(([name, content]) => {
      const attribute = name.startsWith('og:') ? 'property' : 'name';
      return `<meta ${attribute}="${name}" content="${escapeHtml(content)}">`;
    }),
  ];
  // A function, as `$` in the text has a meaning in a replacement.
  return document.replace(/<title>[^<]*<\/title>/, () => lines.join('\n    '));
}

function metaTags({ title, description, url, type, image, player, author }: PageHead): [string, string][] {
  const summary = shorten(description);
  const { width, height } = PLAYER_SIZE;
  const picture: [string, string][] = image
    ? [
        ['og:image', image],
        ['twitter:image', image],
      ]
    : [];
  const playing: [string, string][] = player
    ? [
        ['og:video', player.url],
        ['og:video:type', 'text/html'],
        ['og:video:width', String(width)],
        ['og:video:height', String(height)],
        ['twitter:player', player.url],
        ['twitter:player:width', String(width)],
        ['twitter:player:height', String(height)],
      ]
    : [];
  return [
    ['description', summary],
    ...(author ? [['author', author.name] as [string, string]] : []),
    ['og:site_name', SITE],
    ['og:type', type],
    ['og:title', title],
    ['og:description', summary],
    ['og:url', url],
    ['twitter:card', player ? 'player' : 'summary'],
    ['twitter:title', title],
    ['twitter:description', summary],
    ...picture,
    ...playing,
  ];
}

function shorten(text: string): string {
  const line = text.replace(/\s+/g, ' ').trim();
  const characters = [...line];
  return characters.length <= MAXIMUM_DESCRIPTION
    ? line
    : `${characters.slice(0, MAXIMUM_DESCRIPTION - 1).join('')}…`;
}
