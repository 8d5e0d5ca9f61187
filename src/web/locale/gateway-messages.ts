import type { ErrorCode } from '../../api/contract.js';
import { number } from './format.js';
import { currentLanguage } from './language.js';
import type { ErrorTexts } from './message-types.js';

// No English: the gateway’s own sentences are English.
const ERRORS = { de: () => import('../texts/de/errors.js') };

/** Returns the message of an error in the language of the reader; the gateway’s for a code without translation. */
export async function errorMessage(code: string | undefined, message: string): Promise<string> {
  const language = currentLanguage();
  if (language === 'en' || code === undefined) return message;
  const { texts } = await ERRORS[language]().catch(() => ({ texts: {} as ErrorTexts }));
  return withNumber(texts[code as ErrorCode], message) ?? message;
}

/** Fills a number into a translation. @returns undefined when the sentence of the gateway has not the number that the translation needs */
export function withNumber(text: string | undefined, message: string): string | undefined {
  if (!text?.includes('#')) return text;
  const [digits] = /\d+(\.\d+)?/.exec(message) ?? [];
  return digits === undefined ? undefined : text.replace('#', number(Number(digits)));
}
