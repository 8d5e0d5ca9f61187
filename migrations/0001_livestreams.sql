-- Livestreams, who watched them, what was said in them, and their broadcasts (one run of a livestream each).
-- User ids are those of the host platform, whatever they look like: text. All other ids are UUIDv7, made by the gateway.

create table livestreams (
  id uuid primary key,
  user_id text,
  title text not null,
  description text not null default '',
  -- SHA-256 of the stream key, in hexadecimal; the key itself is shown once and stored nowhere.
  stream_key text not null unique check (stream_key ~ '^[0-9a-f]{64}$'),
  status text not null default 'scheduled' check (status in ('scheduled', 'live', 'ended')),
  started_at timestamptz,
  ended_at timestamptz,
  end_reason text,
  viewer_count_peak integer not null default 0 check (viewer_count_peak >= 0),
  recording_enabled boolean not null default false,
  recording_url text,
  thumbnail_url text,
  created_at timestamptz not null default now()
);

create index livestreams_user_id on livestreams (user_id);
create index livestreams_status on livestreams (status, started_at desc);

create table livestream_viewers (
  id uuid primary key,
  stream_id uuid not null references livestreams (id) on delete cascade,
  -- Null for an anonymous viewer.
  user_id text,
  joined_at timestamptz not null default now(),
  -- Null while watching.
  left_at timestamptz
);

create index livestream_viewers_stream_id on livestream_viewers (stream_id);
create index livestream_viewers_user_id on livestream_viewers (user_id);
create index livestream_viewers_watching on livestream_viewers (stream_id) where left_at is null;

create table livestream_chat (
  id uuid primary key,
  stream_id uuid not null references livestreams (id) on delete cascade,
  user_id text not null,
  message text not null,
  created_at timestamptz not null default now()
);

create index livestream_chat_stream_id on livestream_chat (stream_id, id);
create index livestream_chat_user_id on livestream_chat (user_id);

create table broadcasts (
  id uuid primary key,
  stream_id uuid not null references livestreams (id) on delete cascade,
  -- The origin of the broadcast's media timeline.
  started_at timestamptz not null,
  ended_at timestamptz,
  end_reason text,
  -- Renewed while the gateway runs the broadcast: after a crash it says how long nobody did.
  last_seen_at timestamptz not null,
  -- Encoder runs opened so far; names and numbers of the playlists go on from here.
  runs integer not null default 0,
  -- What the publisher sent, as last described.
  source jsonb
);

create index broadcasts_stream_id on broadcasts (stream_id, started_at desc);
create unique index broadcasts_open on broadcasts (stream_id) where ended_at is null;
