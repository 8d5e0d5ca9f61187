import { PublicError } from '../../platform/index.js';

const MINIMUM = 3;
const MAXIMUM = 32;
/**
 * Letters, marks, digits, punctuation and symbols, separated by single spaces. Excludes invisible characters
 * (Unicode's Default_Ignorable_Code_Point, the Braille blank) and stacked combining marks.
 */
const VISIBLE = /^(?!.*\p{M}{4})(?![\p{M} ])(?:(?![\p{DI}\u2800])[\p{L}\p{M}\p{N}\p{P}\p{S}]| (?! |$))+$/u;
const LETTER = /[\p{L}\p{N}]/u;
/** Scripts with letters confusable with Latin ones: mixing them is refused (Unicode TR 39). */
const LATIN = /\p{Script=Latin}/u;
const LOOKS_LATIN = /[\p{Script=Cyrillic}\p{Script=Greek}\p{Script=Cherokee}\p{Script=Armenian}]/u;

/** Display form and comparison key of a name. */
export type AccountName = { name: string; key: string };

/**
 * Validates and normalises a requested name.
 *
 * @throws PublicError 400 `name_invalid`
 */
export function readAccountName(text: string): AccountName {
  const name = text.normalize('NFKC').trim();
  const length = [...name].length;
  if (length < MINIMUM || length > MAXIMUM) throw invalid(`A name has ${MINIMUM} to ${MAXIMUM} characters.`);
  if (!VISIBLE.test(name) || !LETTER.test(name))
    throw invalid('A name has visible characters, single spaces between them, and a letter or digit.');
  if (LATIN.test(name) && LOOKS_LATIN.test(name))
    throw invalid('A name does not mix letters of alphabets that look alike.');
  return { name, key: accountNameKey(name) };
}

/** Returns the comparison key: NFKC and case-folded. */
export function accountNameKey(text: string): string {
  // By way of upper case, which folds final sigma and ß to ss.
  return text.normalize('NFKC').trim().toUpperCase().toLowerCase().normalize('NFKC');
}

function invalid(message: string): PublicError {
  return new PublicError(400, 'name_invalid', message);
}
