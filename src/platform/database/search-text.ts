/** Words of a query that count, and characters of a word. */
const MAXIMUM_WORDS = 8;
const MAXIMUM_CHARACTERS = 40;
/** Letters of scripts that put no space between words: each is found by itself. */
const UNSPACED =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}]/gu;

/**
 * Folds a text for the full-text search of PostgreSQL with the configuration `simple`: words of letters and digits in lower
 * case, without accents, separated by spaces.
 */
export function searchText(text: string): string {
  return text
    .normalize('NFKD')
    .replace(/\p{M}/gu, '')
    .toUpperCase()
    .toLowerCase()
    .replace(UNSPACED, ' $& ')
    .replace(/[^\p{L}\p{N}]+/gu, ' ')
    .trim();
}

/**
 * Returns a query for `to_tsquery('simple', …)` that finds folded texts with words that begin with those of the text;
 * single letters must be whole words. Undefined: the text has no word.
 */
export function searchQuery(text: string): string | undefined {
  const words = searchText(text)
    .split(' ')
    .map((word) => [...word].slice(0, MAXIMUM_CHARACTERS))
    .filter(({ length }) => length > 0)
    .slice(0, MAXIMUM_WORDS);
  if (words.length === 0) return undefined;
  return words.map((word) => `'${word.join('')}'${word.length > 1 ? ':*' : ''}`).join(' & ');
}
