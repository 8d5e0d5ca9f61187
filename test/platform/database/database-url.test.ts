import t from 'tap';
import { parseDatabaseUrl } from '../../../src/platform/database/database-url.js';

t.test('the URL of a server by name is passed to the client with all its options', async (t) => {
  const url = 'postgres://me:secret@db.example.test:6432/headend?sslmode=require';
  t.same(parseDatabaseUrl(url), { url, options: {}, name: 'headend at db.example.test:6432' });
  t.equal(parseDatabaseUrl('postgres://me@a:1,b:2/x').url, 'postgres://me@a:1,b:2/x', 'several hosts');
});

t.test('a Unix socket has its path in the notation of libpq', async (t) => {
  for (const [url, path] of [
    ['postgres://me@/headend?host=/run/pg', '/run/pg/.s.PGSQL.5432'],
    ['postgres:///headend?host=/run/pg&port=5433', '/run/pg/.s.PGSQL.5433'],
    ['postgresql://me@localhost/headend?host=%2Frun%2Fpg&port=5433', '/run/pg/.s.PGSQL.5433'],
    ['postgres://me@%2Frun%2Fpg/headend', '/run/pg/.s.PGSQL.5432'],
  ] as const)
    t.match(parseDatabaseUrl(url), { options: { path }, name: `headend at ${path}` }, url);
  const address = parseDatabaseUrl('postgres://me:p%40ss@/headend?host=/run/pg&application_name=x');
  t.equal(address.url, 'postgres://me:p%40ss@localhost/headend?application_name=x');
  t.match(parseDatabaseUrl('postgres://me@/x?host=db.test&port=7000'), {
    options: { host: 'db.test', port: 7000 },
  });
});

t.test('an invalid database URL is refused without its password', async (t) => {
  for (const url of [
    'http://me:secret@a/b',
    'postgres://me:secret@a:99999/b',
    'postgres://me:secret@/b?host=/x&port=no',
    'secret',
  ])
    t.throws(() => parseDatabaseUrl(url), { code: 'database_url_invalid', message: /^((?!secret).)*$/ }, url);
});
