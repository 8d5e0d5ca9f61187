import type { RestreamTarget } from '../../api/contract.js';
import { livestreamTexts } from '../texts/livestream.js';
import { withNumber } from './gateway-messages.js';

/** Returns the error of a restream target in the language of the reader, where there is a translation. */
export function targetMessage({
  error,
  errorCode,
}: Pick<RestreamTarget['status'], 'error' | 'errorCode'>): string | null {
  if (error === null || errorCode === null) return error;
  const text = withNumber(livestreamTexts.targetErrors[errorCode], error);
  return text === undefined ? error : withWords(text, error);
}

/** Puts the words of a target, which follow the first colon of the gateway’s sentence, where the translation has `*`. */
function withWords(text: string, message: string): string {
  const [, words] = /: (.+)$/s.exec(message) ?? [];
  return words === undefined ? text.replace(': *', '.') : text.replace('*', () => words);
}
