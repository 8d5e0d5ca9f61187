/** Scripts that are written without blanks between words: there a term is looked for anywhere. */
const UNSPACED = /[\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}\p{sc=Thai}\p{sc=Lao}\p{sc=Khmer}\p{sc=Myanmar}]/u;
const LETTER = String.raw`[\p{L}\p{N}_]`;

/** A text as terms are compared: without case, width, diacritics and what can't be seen. */
export function fold(text: string): string {
  return text
    .normalize('NFKD')
    .toUpperCase() // not to lower case: "ß" and "ſ" unfold, and all sigmas become one
    .normalize('NFKD')
    .replace(/[\p{M}\p{Default_Ignorable_Code_Point}]/gu, '');
}

/**
 * Makes a test for texts with one of the terms in them. A term is found as whole words: `art` is not found in `party`,
 * unless it is written with a star: `art*`, `*art`, `*art*`. Terms of scripts without blanks are found anywhere.
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
