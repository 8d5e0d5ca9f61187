-- Restream targets: where the broadcasts of a livestream, or of all livestreams of an account, are sent on to.

create table restream_targets (
  id uuid primary key,
  -- Owner of all livestreams that the target serves; null for a target of one livestream.
  user_id text,
  -- The only livestream that the target serves; null for a target of an account.
  stream_id uuid references livestreams (id) on delete cascade,
  name text not null,
  protocol text not null check (protocol in ('rtmp', 'rtmps', 'srt', 'whip')),
  -- For people: URL and key without what is secret.
  shown_url text not null,
  shown_key text,
  -- URL, key and passphrase, encrypted (AES-256-GCM).
  sealed bytea not null,
  enabled boolean not null,
  created_at timestamptz not null,
  -- Time of the last change of URL, key or switch: a running output is begun anew.
  changed_at timestamptz not null,
  -- Output: the gateway process that sends, until this time by the clock of the database, for which livestream.
  claimed_by uuid,
  claimed_until timestamptz,
  output_stream_id uuid,
  state text not null default 'idle' check (state in ('idle', 'connecting', 'live', 'failing')),
  state_since timestamptz not null,
  error text,
  bitrate_bps integer,
  dropped_frames integer not null default 0,
  check ((user_id is null) <> (stream_id is null))
);

create index restream_targets_stream_id on restream_targets (stream_id) where stream_id is not null;
create index restream_targets_user_id on restream_targets (user_id) where user_id is not null;
