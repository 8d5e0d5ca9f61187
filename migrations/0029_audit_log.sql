-- Changes by administrators and broadcasters: who, what, when. Rows stay when the account or the target is deleted.
create table audit_log (
  -- UUIDv7: rows sort by their time.
  id uuid primary key,
  at timestamptz not null,
  actor_kind text not null check (actor_kind in ('account', 'operator')),
  -- Null: the operator.
  actor_id text,
  -- Name at that time.
  actor_name text,
  -- Such as `account.change`.
  action text not null,
  -- Ids of what was changed, by their names in the path of the route.
  target jsonb not null,
  -- Changed values that are no secrets.
  details jsonb,
  -- Network address.
  address text not null
);

create index audit_log_actor on audit_log (actor_id, id);
create index audit_log_action on audit_log (action, id);
