/** Piece of a message: plain, or the mention of a name. */
export type TextPiece = { text: string; isMention: boolean };

/** A mention: `@` at the start or behind a space, and the letters of a name. */
const MENTION = /(^|\s)@[\p{L}\p{N}_.-]{1,100}/gu;
/** Names that a completion offers. */
const OFFERED = 5;

/** Splits a message at its mentions. Names with spaces are recognised where they are known. */
export function piecesOf(message: string, knownNames: readonly string[]): TextPiece[] {
  const pieces: TextPiece[] = [];
  let end = 0;
  for (const match of message.matchAll(MENTION)) {
    const [whole, before = ''] = match;
    const index = match.index + before.length;
    if (index < end) continue;
    const rest = message.slice(index + 1);
    const name = knownNames
      .filter((known) => known.includes(' ') && startsWithName(rest, known))
      .toSorted((one, other) => other.length - one.length)[0];
    const length = name === undefined ? whole.length - before.length : name.length + 1;
    if (index > end) pieces.push({ text: message.slice(end, index), isMention: false });
    pieces.push({ text: message.slice(index, index + length), isMention: true });
    end = index + length;
  }
  if (end < message.length) pieces.push({ text: message.slice(end), isMention: false });
  return pieces;
}

/** Whether a message mentions somebody. */
export function mentions(message: string, name: string): boolean {
  for (let at = message.indexOf('@'); at >= 0; at = message.indexOf('@', at + 1))
    if ((at === 0 || /\s/.test(message[at - 1] ?? '')) && startsWithName(message.slice(at + 1), name))
      return true;
  return false;
}

/** Returns the names that complete the mention before the caret, as typed up to it; empty where there is none. */
export function completionsOf(textBeforeCaret: string, names: readonly string[]): string[] {
  const typed = /(?:^|\s)@([^@\s]*)$/u.exec(textBeforeCaret)?.[1];
  if (typed === undefined) return [];
  const isMatch = (name: string): boolean => name.toLowerCase().startsWith(typed.toLowerCase());
  return [...new Set(names)].filter(isMatch).slice(0, OFFERED);
}

/** Replaces the mention before the caret by a name. */
export function completed(textBeforeCaret: string, name: string): string {
  return textBeforeCaret.replace(/@[^@\s]*$/u, () => `@${name} `);
}

function startsWithName(text: string, name: string): boolean {
  if (name === '' || text.slice(0, name.length).toLowerCase() !== name.toLowerCase()) return false;
  const next = text.slice(name.length);
  return next === '' || !/^[\p{L}\p{N}_]/u.test(next);
}
