import type postgres from 'postgres';
import { HeadendError } from '../error.js';

const PORT = 5432;

/** Address of a database: URL and options for the `postgres` package, and a name for messages, without the password. */
export type DatabaseAddress = {
  options: postgres.Options<Record<string, never>>;
  /** URL without the parts that `options` holds. */
  url: string;
  name: string;
};

/**
 * Parses a `postgres://` URL like libpq: the server may also be a Unix socket, given as `?host=/folder` (`port` selects the
 * socket file) or as a percent-encoded host.
 *
 * @throws HeadendError `database_url_invalid`; the message never contains the password
 */
export function parseDatabaseUrl(text: string): DatabaseAddress {
  // `URL` requires a host after credentials; libpq allows `postgres://user@/name?host=/folder`.
  const withHost = text.replace(/^(postgres(?:ql)?:\/\/[^/?#]*@)(?=[/?#]|$)/, '$1localhost');
  let url: URL;
  try {
    // Several hosts (`a:5432,b:5432`) are a notation of the postgres package: only the first is checked.
    url = new URL(withHost.replace(/,[^/?#]*/, ''));
  } catch {
    throw new HeadendError(
      'database_url_invalid',
      'DATABASE_URL is not a valid URL: use postgres://USER:PASSWORD@HOST:PORT/NAME.',
    );
  }
  if (url.protocol !== 'postgres:' && url.protocol !== 'postgresql:')
    throw new HeadendError('database_url_invalid', 'DATABASE_URL must begin with postgres://.');
  const database = decodeURIComponent(url.pathname.slice(1));
  const host = url.searchParams.get('host') ?? decodeURIComponent(url.hostname);
  const port = Number(url.searchParams.get('port') ?? (url.port || PORT));
  if (!Number.isInteger(port) || port < 1 || port > 65_535)
    throw new HeadendError('database_url_invalid', 'DATABASE_URL must have a port from 1 to 65535.');
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
