/** Page that is requested: the route, and the parameters in its path. */
export type PageAddress = { path: string; params: Record<string, string> };

/** Description of a page, for search engines and for sites that show a link to it. */
export type PageHead = {
  title: string;
  description: string;
  /** Canonical address. */
  url: string;
  /** Type of the Open Graph protocol. */
  type: 'profile' | 'video.other';
};

/** @returns `missing`: there is no such page; undefined: it is not described */
export type DescribePage = (page: PageAddress) => Promise<PageHead | 'missing' | undefined>;

const SITE = 'Headend';
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
  const lines = [
    `<title>${escapeHtml(head.title)} · ${SITE}</title>`,
    `<link rel="canonical" href="${escapeHtml(head.url)}">`,
    ...metaTags(head).map(([name, content]) => {
      const attribute = name.startsWith('og:') ? 'property' : 'name';
      return `<meta ${attribute}="${name}" content="${escapeHtml(content)}">`;
    }),
  ];
  // A function, as `$` in the text has a meaning in a replacement.
  return document.replace(/<title>[^<]*<\/title>/, () => lines.join('\n    '));
}

function metaTags({ title, description, url, type }: PageHead): [name: string, content: string][] {
  const summary = shorten(description);
  return [
    ['description', summary],
    ['og:site_name', SITE],
    ['og:type', type],
    ['og:title', title],
    ['og:description', summary],
    ['og:url', url],
    ['twitter:card', 'summary'],
    ['twitter:title', title],
    ['twitter:description', summary],
  ];
}

function shorten(text: string): string {
  const line = text.replace(/\s+/g, ' ').trim();
  const characters = [...line];
  return characters.length <= MAXIMUM_DESCRIPTION
    ? line
    : `${characters.slice(0, MAXIMUM_DESCRIPTION - 1).join('')}…`;
}
