-- People who have an account here. Elsewhere they are named by user id, text: an account's is its id, a host platform's
-- whatever that platform says.

create table accounts (
  id uuid primary key,
  -- What people sign in with and are shown as.
  name text not null,
  -- The name without the case of its letters, folded by the gateway: databases differ in what they take for a letter.
  name_key text not null unique,
  -- PHC string of argon2id.
  password_hash text not null,
  role text not null default 'viewer' check (role in ('viewer', 'broadcaster', 'admin')),
  created_at timestamptz not null default now(),
  -- Set when nobody may sign in with it any more.
  disabled_at timestamptz
);

create index accounts_created_at on accounts (created_at desc, id desc);

-- Signed-in browsers. The cookie's value is kept as its SHA-256 in hexadecimal alone, like all secrets below.
create table account_sessions (
  id uuid primary key,
  hash text not null unique check (hash ~ '^[0-9a-f]{64}$'),
  account_id uuid not null references accounts (id) on delete cascade,
  created_at timestamptz not null default now(),
  last_seen_at timestamptz not null default now(),
  expires_at timestamptz not null,
  user_agent text not null default '',
  -- Where they signed in from: an IPv4 address or an IPv6 network of /64. Strangers' guesses don't shut its owner out.
  network text not null default ''
);

create index account_sessions_account_id on account_sessions (account_id);
create index account_sessions_expires_at on account_sessions (expires_at);

-- Personal access tokens, for programs.
create table access_tokens (
  id uuid primary key,
  hash text not null unique check (hash ~ '^[0-9a-f]{64}$'),
  account_id uuid not null references accounts (id) on delete cascade,
  label text not null,
  created_at timestamptz not null default now(),
  last_used_at timestamptz,
  expires_at timestamptz
);

create index access_tokens_account_id on access_tokens (account_id);

create table invitations (
  id uuid primary key,
  hash text not null unique check (hash ~ '^[0-9a-f]{64}$'),
  role text not null check (role in ('viewer', 'broadcaster', 'admin')),
  created_at timestamptz not null default now(),
  expires_at timestamptz not null,
  used_at timestamptz,
  used_by uuid references accounts (id) on delete set null
);

create index invitations_created_at on invitations (created_at desc, id desc);

create table follows (
  follower_id text not null,
  followed_id text not null,
  created_at timestamptz not null default now(),
  primary key (follower_id, followed_id)
);

create index follows_followed_id on follows (followed_id);
