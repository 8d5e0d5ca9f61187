/** First letter, with its marks, or digit of a text, in upper case. */
export function initialOf(text: string): string {
  const [first = text.trim().slice(0, 1)] = /\p{L}\p{M}*|\p{N}/u.exec(text) ?? [];
  return first.toLocaleUpperCase();
}
