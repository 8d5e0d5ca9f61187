import { PublicError } from '../../platform/index.js';

const MINIMUM = 3;
const MAXIMUM = 32;
/**
 * Letters, marks, digits, punctuation and symbols; single spaces between them. Nothing that can't be seen (Unicode's
 * Default_Ignorable_Code_Point, the blank of Braille), and no towers of marks.
 */
const VISIBLE = /^(?!.*\p{M}{4})(?![\p{M} ])(?:(?![\p{DI}\u2800])[\p{L}\p{M}\p{N}\p{P}\p{S}]| (?! |$))+$/u;
const LETTER = /[\p{L}\p{N}]/u;
/** Alphabets whose letters pass for Latin ones: a name in both is made to be taken for another (Unicode TR 39). */
const LATIN = /\p{Script=Latin}/u;
const LOOKS_LATIN = /[\p{Script=Cyrillic}\p{Script=Greek}\p{Script=Cherokee}\p{Script=Armenian}]/u;

/** A name as it is shown, and as it is compared. */
export type AccountName = { name: string; key: string };

/** Reads the name that somebody wants. @throws PublicError 400 `name_invalid` */
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

/** What two names share that are one to us: compatible forms (NFKC) and letters without their case. */
export function accountNameKey(text: string): string {
  // By way of upper case: it makes one of letters whose lower case depends on what follows them, and of ß and ss.
  return text.normalize('NFKC').trim().toUpperCase().toLowerCase().normalize('NFKC');
}

function invalid(message: string): PublicError {
  return new PublicError(400, 'name_invalid', message);
}
