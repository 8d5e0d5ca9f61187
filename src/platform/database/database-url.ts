import type postgres from 'postgres';
import { HeadendError } from '../error.js';

const PORT = 5432;

/** Address of a database: options of the `postgres` package, and a name for messages (without password). */
export type DatabaseAddress = {
  options: postgres.Options<Record<string, never>>;
  /** The URL without what is only in `options`. */
  url: string;
  name: string;
};

/**
 * Reads a `postgres://` URL as libpq does: the server may also be a Unix socket, given as `?host=/folder` (with `port`
 * naming the socket file) or as a percent-encoded host.
 *
 * @throws HeadendError `database_url_invalid`; the message never holds the password.
 */
export function parseDatabaseUrl(text: string): DatabaseAddress {
  // URL wants a host where there are credentials; libpq allows `postgres://user@/name?host=/folder`.
  const withHost = text.replace(/^(postgres(?:ql)?:\/\/[^/?#]*@)(?=[/?#]|$)/, '$1localhost');
  let url: URL;
  try {
    // Several hosts (`a:5432,b:5432`) are the postgres package's own notation: judge by the first.
    url = new URL(withHost.replace(/,[^/?#]*/, ''));
  } catch {
    throw new HeadendError('database_url_invalid', 'DATABASE_URL is not a valid URL.');
  }
  if (url.protocol !== 'postgres:' && url.protocol !== 'postgresql:')
    throw new HeadendError('database_url_invalid', 'DATABASE_URL must begin with postgres://.');
  const database = decodeURIComponent(url.pathname.slice(1));
  const host = url.searchParams.get('host') ?? decodeURIComponent(url.hostname);
  const port = Number(url.searchParams.get('port') ?? (url.port || PORT));
  if (!Number.isInteger(port) || port < 1 || port > 65_535)
    throw new HeadendError('database_url_invalid', 'DATABASE_URL has an impossible port.');
  if (host.startsWith('/')) {
    url.searchParams.delete('host');
    url.searchParams.delete('port');
    const rest = new URL(`postgres://localhost${url.pathname}${url.search}`);
    rest.username = url.username;
    rest.password = url.password;
    const socket = `${host}/.s.PGSQL.${port}`;
    return { url: rest.href, options: { path: socket }, name: `${database} at ${socket}` };
  }
  if (url.searchParams.has('host') || url.searchParams.has('port')) {
    url.searchParams.delete('host');
    url.searchParams.delete('port');
    return { url: url.href, options: { host, port }, name: `${database} at ${host}:${port}` };
  }
  return { url: withHost, options: {}, name: `${database} at ${url.host}` };
}
