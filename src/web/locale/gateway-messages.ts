import type { ErrorCode, HealthFinding } from '../../api/contract.js';
import { number } from './format.js';
import { currentLanguage } from './language.js';
import type { ErrorTexts, FindingTexts } from './message-types.js';

// No English: the gateway’s own sentences are English.
const ERRORS = { de: () => import('../texts/de/errors.js') };
const FINDINGS = { de: () => import('../texts/de/findings.js') };

/** Returns the message of an error in the language of the reader; the gateway’s for a code without translation. */
export async function errorMessage(code: string | undefined, message: string): Promise<string> {
  const language = currentLanguage();
  if (language === 'en' || code === undefined) return message;
  const { texts } = await ERRORS[language]().catch(() => ({ texts: {} as ErrorTexts }));
  return withNumber(texts[code as ErrorCode], message) ?? message;
}

/** Returns findings with their sentences in the language of the reader, where there is a translation. */
export async function translatedFindings(findings: HealthFinding[]): Promise<HealthFinding[]> {
  const language = currentLanguage();
  if (language === 'en' || findings.length === 0) return findings;
  const { texts } = await FINDINGS[language]().catch(() => ({ texts: {} as FindingTexts }));
  return findings.map((finding) => {
    const { message, cure = finding.cure } = texts[finding.code] ?? {};
    return { ...finding, cure, message: withNumber(message, finding.message) ?? finding.message };
  });
}

/** @returns undefined when the sentence of the gateway has not the number that the translation needs */
function withNumber(text: string | undefined, message: string): string | undefined {
  if (!text?.includes('#')) return text;
  const [digits] = /\d+(\.\d+)?/.exec(message) ?? [];
  return digits === undefined ? undefined : text.replace('#', number(Number(digits)));
}
