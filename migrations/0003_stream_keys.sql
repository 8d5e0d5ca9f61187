-- Every key that admits a publisher, to one livestream or to a user's channel, and every use of one.
-- `livestreams.stream_key` stays the hash of the key that a livestream was made with.

create table stream_keys (
  id uuid primary key,
  hash text not null unique check (hash ~ '^[0-9a-f]{64}$'),
  -- One of the two: a key of one livestream, or of a user's channel.
  stream_id uuid references livestreams (id) on delete cascade,
  user_id text,
  label text not null default '',
  -- What it may be used for; null: anything.
  protocols text[],
  address_ranges cidr[],
  -- Also how a rotated key gets its last hour.
  expires_at timestamptz,
  revoked_at timestamptz,
  created_at timestamptz not null default now(),
  last_used_at timestamptz,
  -- The key that was made in place of this one: it can't be rotated again.
  replaced_by uuid references stream_keys (id) on delete set null deferrable initially deferred,
  -- The one key of a channel that its user keeps in their encoder; others were made beside it.
  is_main boolean not null default false,
  check ((stream_id is null) <> (user_id is null)),
  check (not is_main or user_id is not null)
);

create index stream_keys_stream_id on stream_keys (stream_id);
create index stream_keys_user_id on stream_keys (user_id);
create index stream_keys_replaced_by on stream_keys (replaced_by);
create unique index stream_keys_main on stream_keys (user_id)
  where is_main and replaced_by is null and revoked_at is null;

insert into stream_keys (id, hash, stream_id, created_at)
select gen_random_uuid(), stream_key, id, created_at from livestreams;

create table stream_key_uses (
  id uuid primary key,
  key_id uuid not null references stream_keys (id) on delete cascade,
  stream_id uuid,
  used_at timestamptz not null default now(),
  protocol text not null,
  address text not null,
  -- `admitted`, or the code of the refusal.
  outcome text not null
);

create index stream_key_uses_key_id on stream_key_uses (key_id, id);

-- How livestreams are made that begin because somebody publishes with the key of a channel.
create table channels (
  user_id text primary key,
  default_title text not null,
  default_description text not null default '',
  recording_enabled boolean not null default false
);
