-- Who asked to publish by being signed in, without a key: the broadcaster of a livestream, or an admin.

create table publisher_sign_ins (
  id uuid primary key,
  stream_id uuid not null references livestreams (id) on delete cascade,
  -- The user, or `operator`.
  user_id text not null,
  used_at timestamptz not null default now(),
  protocol text not null,
  address text not null,
  -- `admitted`, or the code of the refusal.
  outcome text not null
);

create index publisher_sign_ins_stream_id on publisher_sign_ins (stream_id, id);
create index publisher_sign_ins_used_at on publisher_sign_ins (used_at);
create index stream_key_uses_used_at on stream_key_uses (used_at);
