/** First letter or digit of a text as people see it, in upper case. */
export function initialOf(text: string): string {
  const start = text.search(/[\p{L}\p{N}]/u);
  const shown = start < 0 ? text : text.slice(start);
  const [first] = new Intl.Segmenter().segment(shown);
  return (first?.segment ?? '').toLocaleUpperCase();
}
