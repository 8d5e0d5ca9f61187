/** The only application: `rtmp://host/live`. */
export const APPLICATION = 'live';

/**
 * Whether publishers are served under the `app` of `connect`: `live` or nothing, also with slashes, a query, or the
 * stream key behind it (a key in the server field).
 */
export function isServedApplication(app: string): boolean {
  const [application = APPLICATION] = segments(app);
  return application === APPLICATION;
}

/**
 * Finds the stream key where people put it: the stream name, also as `/KEY`, `KEY/`, `live/KEY` or the whole URL, else
 * what follows `live` in `app`. Returns an empty string when there is none.
 */
export function streamKeyOf(app: string, streamName: string): string {
  const last = segments(streamName).at(-1) ?? segments(app).at(-1);
  return last === undefined || last === APPLICATION ? '' : last;
}

/** Non-empty path segments in front of the query. */
function segments(text: string): string[] {
  return text
    .split('?')[0]!
    .split('/')
    .map((segment) => segment.trim())
    .filter((segment) => segment !== '');
}
