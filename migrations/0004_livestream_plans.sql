-- When a livestream is to begin, and who may watch it.

alter table livestreams
  add column scheduled_at timestamptz,
  add column viewer_limit integer check (viewer_limit > 0),
  -- unlisted: whoever has the address; private: the invited alone.
  add column visibility text not null default 'public' check (visibility in ('public', 'unlisted', 'private'));

create index livestreams_scheduled_at on livestreams (scheduled_at) where status = 'scheduled';

-- Who may watch a private livestream.
create table livestream_guests (
  stream_id uuid not null references livestreams (id) on delete cascade,
  user_id text not null,
  created_at timestamptz not null default now(),
  primary key (stream_id, user_id)
);
