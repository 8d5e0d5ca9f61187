-- What chat needs beyond the messages: who they come from, what moderators do, how a room is set.

alter table livestream_chat
  add column user_name text not null default '',
  -- What they were here when they wrote; null: one of the viewers.
  add column badge text check (badge in ('broadcaster', 'admin', 'moderator')),
  -- What the sender saw when they wrote: a date of the media (EXT-X-PROGRAM-DATE-TIME), or the server's clock.
  add column media_time timestamptz,
  -- The sender's own name for the message: sent again after a lost connection, it is stored once.
  add column client_id text,
  -- Where it came from, as a hash with a secret key, different for every stream: for bans.
  add column address_hash text,
  add column deleted_at timestamptz,
  add column deleted_by text;

create unique index livestream_chat_client_id on livestream_chat (stream_id, user_id, client_id)
  where client_id is not null;
create index livestream_chat_deleted_at on livestream_chat (stream_id, deleted_at) where deleted_at is not null;

create table chat_settings (
  stream_id uuid primary key references livestreams (id) on delete cascade,
  -- Seconds between two messages of one person; 0: off.
  slow_mode integer not null default 0 check (slow_mode between 0 and 3600),
  members_only boolean not null default false,
  followers_only boolean not null default false,
  emote_only boolean not null default false,
  anonymous boolean not null default false,
  links text not null default 'allowed' check (links in ('allowed', 'moderators', 'forbidden')),
  blocked_terms text[] not null default '{}'
);

create table chat_moderators (
  stream_id uuid not null references livestreams (id) on delete cascade,
  user_id text not null,
  created_at timestamptz not null default now(),
  primary key (stream_id, user_id)
);

-- Who may not write: an account, and where wanted whoever comes from the same address.
create table chat_bans (
  stream_id uuid not null references livestreams (id) on delete cascade,
  user_id text not null,
  -- As in livestream_chat.
  address_hash text,
  reason text not null default '',
  created_by text not null,
  created_at timestamptz not null default now(),
  -- Null: for good.
  until timestamptz,
  primary key (stream_id, user_id)
);

-- What moderators did.
create table chat_log (
  id uuid primary key,
  stream_id uuid not null references livestreams (id) on delete cascade,
  moderator_id text not null,
  action text not null,
  user_id text,
  message_id uuid,
  details jsonb,
  created_at timestamptz not null default now()
);

create index chat_log_stream_id on chat_log (stream_id, id);

create table livestream_polls (
  id uuid primary key,
  stream_id uuid not null references livestreams (id) on delete cascade,
  question text not null,
  options text[] not null,
  -- Votes by option, counted when it was closed; until then they are counted from the votes themselves.
  votes integer[],
  created_by text not null,
  created_at timestamptz not null default now(),
  closes_at timestamptz not null,
  closed_at timestamptz
);

create index livestream_polls_stream_id on livestream_polls (stream_id, id);
create unique index livestream_polls_open on livestream_polls (stream_id) where closed_at is null;

-- Who voted for what while a poll is open; gone when it is closed.
create table livestream_poll_votes (
  poll_id uuid not null references livestream_polls (id) on delete cascade,
  user_id text not null,
  -- From 0.
  option integer not null,
  primary key (poll_id, user_id)
);
