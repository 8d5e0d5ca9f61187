import { PublicError } from '../../platform/index.js';

/** Limit on a message's code points, in NFC. */
export const MESSAGE_LENGTH = 500;
const NAME_LENGTH = 100;

const LINE_BREAKS = /[\t\n\r\u2028\u2029]+/gu;
const CONTROLS = /\p{Cc}/u;
const LONE_SURROGATES = /\p{Cs}/u;
/**
 * Explicit directional formatting (UAX #9 section 2), which reaches beyond the message, and invisible characters that
 * are not typed on purpose.
 */
const DIRECTIONAL_AND_INVISIBLE = /[\u202a-\u202e\u2066-\u206f\u200b\u2060-\u2064\ufeff\ufff9-\ufffb]/gu;
/** Five combining marks on one letter; scripts use up to four. Larger stacks overlap other lines. */
const STACKED_MARKS = /(?:\p{M}[\u00ad\u200c-\u200f]*){5}/u;
/** Characters without a glyph: spaces, controls, formats, fillers, and the blank Braille pattern. */
const INVISIBLE = /[\s\p{C}\p{Default_Ignorable_Code_Point}\u2800]/gu;

/**
 * Normalises a message: NFC, one line, without characters that change how other lines are rendered. Markup is plain
 * text.
 *
 * @throws PublicError 400 `message_invalid`, `message_empty`, `message_too_long`
 */
export function normaliseMessage(text: string): string {
  if (text.length > 4 * MESSAGE_LENGTH) throw tooLong();
  if (LONE_SURROGATES.test(text)) throw invalid('an unpaired surrogate');
  const line = text.normalize('NFC').replace(LINE_BREAKS, ' ').replace(DIRECTIONAL_AND_INVISIBLE, '').trim();
  if (CONTROLS.test(line)) throw invalid('control characters');
  if (STACKED_MARKS.test(line)) throw invalid('more than four combining marks on one letter');
  if (line.replace(INVISIBLE, '') === '')
    throw new PublicError(
      400,
      'message_empty',
      'The message is empty: write at least one visible character.',
    );
  if ([...line].length > MESSAGE_LENGTH) throw tooLong();
  return line;
}

/** Normalises a display name; drops characters that would change how the line is rendered. */
export function cleanName(name: string): string {
  const line = name
    .normalize('NFC')
    .replace(LINE_BREAKS, ' ')
    .replace(DIRECTIONAL_AND_INVISIBLE, '')
    .replace(/[\p{Cc}\p{Cs}]/gu, '')
    .replace(/(\p{M}{4})\p{M}+/gu, '$1')
    .trim();
  return [...line].slice(0, NAME_LENGTH).join('') || 'Somebody';
}

function invalid(what: string): PublicError {
  return new PublicError(400, 'message_invalid', `A message must not contain ${what}.`);
}

function tooLong(): PublicError {
  return new PublicError(
    400,
    'message_too_long',
    `A message may have at most ${MESSAGE_LENGTH} characters: shorten it.`,
  );
}
