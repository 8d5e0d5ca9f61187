-- How people watched, and how many they were.

alter table livestream_viewers
  -- What the viewer's token names: after a restart they go on with the row that they left.
  add column viewer_id uuid,
  -- How they watched last: whep, ll-hls, hls; null: they had joined and saw no picture.
  add column protocol text;

create index livestream_viewers_left_at on livestream_viewers (left_at);

-- One row: when the gateway last looked after its viewers. After a crash nobody is taken to have watched longer.
create table audience_heartbeat (
  id boolean primary key default true check (id),
  last_seen_at timestamptz not null
);

create table livestream_viewer_minutes (
  stream_id uuid not null references livestreams (id) on delete cascade,
  -- The minute's beginning.
  minute timestamptz not null,
  -- The most at the same time.
  viewers integer not null,
  by_protocol jsonb not null,
  primary key (stream_id, minute)
);
