-- Viewers who wanted to watch a broadcast and got no picture, summed up by minute. Nothing in it tells viewers apart.

create table broadcast_join_failures (
  broadcast_id uuid not null references broadcasts (id) on delete cascade,
  -- Beginning of the minute.
  minute timestamptz not null,
  -- Stable code: of the refusal, or what a player reported.
  code text not null,
  failures bigint not null,
  primary key (broadcast_id, minute, code)
);
