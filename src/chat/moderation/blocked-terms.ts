/** Scripts written without spaces between words: their terms match anywhere. */
const UNSPACED = /[\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}\p{sc=Thai}\p{sc=Lao}\p{sc=Khmer}\p{sc=Myanmar}]/u;
const LETTER = String.raw`[\p{L}\p{N}_]`;

/** Folds a text for comparison: without case, width, diacritics and invisible characters. */
export function fold(text: string): string {
  return text
    .normalize('NFKD')
    .toUpperCase() // upper case, because "ß" and "ſ" expand and all sigmas become one
    .normalize('NFKD')
    .replace(/[\p{M}\p{Default_Ignorable_Code_Point}]/gu, '');
}

/**
 * Creates a matcher for texts that contain one of the terms. Terms match whole words (`art` does not match `party`)
 * unless written with a star: `art*`, `*art`, `*art*`. Terms in scripts without spaces match anywhere.
 */
export function termsMatcher(terms: readonly string[]): (text: string) => boolean {
  const patterns = terms.map(patternOf).filter((pattern) => pattern !== undefined);
  if (patterns.length === 0) return () => false;
  const pattern = new RegExp(patterns.join('|'), 'u');
  return (text) => pattern.test(fold(text));
}

function patternOf(term: string): string | undefined {
  const text = fold(term).trim();
  const core = text.replace(/^\*+|\*+$/g, '').trim();
  if (core === '') return undefined;
  const literal = core.replace(/[.*+?^${}()|[\]\\/]/g, '\\$&').replace(/\s+/gu, '\\s+');
  const anywhere = UNSPACED.test(core);
  const before = anywhere || text.startsWith('*') ? '' : `(?<!${LETTER})`;
  const after = anywhere || text.endsWith('*') ? '' : `(?!${LETTER})`;
  return `${before}${literal}${after}`;
}
