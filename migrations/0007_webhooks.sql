-- Who is told of what happens, and what they were told.

create table webhooks (
  id uuid primary key,
  url text not null,
  -- The key of the signature: it must be known to sign.
  secret text not null,
  events text[] not null,
  created_at timestamptz not null default now(),
  disabled_at timestamptz
);

create table webhook_deliveries (
  id uuid primary key,
  webhook_id uuid not null references webhooks (id) on delete cascade,
  event text not null,
  payload jsonb not null,
  status text not null default 'pending' check (status in ('pending', 'delivered', 'failed')),
  attempts integer not null default 0,
  next_attempt_at timestamptz not null default now(),
  -- Of the last attempt: the HTTP status, or why there was none.
  response_status integer,
  error text,
  last_attempt_at timestamptz,
  created_at timestamptz not null default now(),
  delivered_at timestamptz
);

create index webhook_deliveries_waiting on webhook_deliveries (webhook_id, id) where status = 'pending';
create index webhook_deliveries_created_at on webhook_deliveries (created_at) where status <> 'pending';
create index webhook_deliveries_webhook_id on webhook_deliveries (webhook_id, id);
