/** Link of a `Link` header (RFC 8288). Parameter names are in lower case. */
export type Link = { target: string; rel: string; parameters: Record<string, string> };

/** Targets are in angle brackets; a parameter's value is a token or a quoted string (RFC 8288 section 3). */
const TARGET = /\s*<([^>]*)>/y;
const PARAMETER = /\s*;\s*([^\s=;,]+)\s*(?:=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s";,]*)))?/y;
const COMMA = /\s*,/y;

/** Parses the value of `Headers.get('link')`, which joins all headers by commas. Stops at the first malformed link. */
export function parseLinkHeader(value: string | null): Link[] {
  const links: Link[] = [];
  if (value === null) return links;
  let position = 0;
  const next = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = position;
    const match = pattern.exec(value);
    if (match) position = pattern.lastIndex;
    return match;
  };
  for (;;) {
    const target = next(TARGET)?.[1];
    if (target === undefined) return links;
    const parameters: Record<string, string> = {};
    for (let match = next(PARAMETER); match; match = next(PARAMETER)) {
      const [, name = '', quoted, token = ''] = match;
      // The first of several counts (RFC 8288 section 3.3).
      parameters[name.toLowerCase()] ??= quoted === undefined ? token : quoted.replace(/\\(.)/g, '$1');
    }
    links.push({ target, rel: parameters.rel ?? '', parameters });
    if (!next(COMMA)) return links;
  }
}
